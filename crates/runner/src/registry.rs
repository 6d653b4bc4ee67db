//! The one list of methods. Command line, tables, charts and tests derive from it; no method's name stands anywhere else.

use adapt::{Method, MethodInfo};
use record::{MethodLook, MethodNote};

/// Every method, in the order of tables and charts: from no model at all to all of its weights.
pub const METHODS: &[&dyn Method] = &[
    &baseline::MAJORITY,
    &baseline::TF_IDF,
    &in_context::IN_CONTEXT,
    &endpoint::ENDPOINT,
    &hard_prompt::HARD_PROMPT,
    &feature_based::FEATURE_BASED,
    &feature_based::KNN,
    &finetune::FINETUNE_OUTPUT,
    &finetune::FINETUNE_LAST,
    &bitfit::LAYER_NORM,
    &bitfit::BITFIT,
    &soft_prompt::SOFT_PROMPT,
    &prefix_tuning::PREFIX_TUNING,
    &ia3::IA3,
    &vera::VERA,
    &lora::LORA,
    &adapter::ADAPTER,
    &finetune::FINETUNE_ALL,
    &setfit::SETFIT,
];

/// The methods this process knows: [`METHODS`], or a test's own.
pub(crate) type Methods = &'static [&'static dyn Method];

/// Names in order.
pub(crate) fn names(methods: Methods) -> Vec<&'static str> {
    methods.iter().map(|method| method.info().name).collect()
}

/// The method called `name`.
///
/// # Errors
/// No such method; the nearest name is suggested.
pub(crate) fn find(methods: Methods, name: &str) -> anyhow::Result<&'static dyn Method> {
    let found = methods.iter().find(|method| method.info().name == name);
    found
        .copied()
        .ok_or_else(|| unknown("method", name, &names(methods)))
}

/// How a method looks in charts, as a record spells it.
pub(crate) fn look(method: &MethodInfo) -> Option<MethodLook> {
    method.look.map(|look| MethodLook {
        colour: look.hue.hex().to_owned(),
        shape: look.outline.as_str().to_owned(),
    })
}

/// Gives the methods of a run that was made before looks were recorded those of the registry.
pub(crate) fn complete_looks(methods: Methods, notes: &mut [MethodNote]) {
    for note in notes.iter_mut().filter(|note| note.look.is_none()) {
        let mut known = methods.iter().map(|method| method.info());
        note.look = known.find(|info| info.name == note.name).and_then(look);
    }
}

/// "no method "lroa" (did you mean "lora"?); known: .."
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> anyhow::Error {
    let hint = task::did_you_mean(found, known);
    anyhow::anyhow!("no {what} \"{found}\"{hint}; known: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapt::{Hue, Look};

    /// Machado, Oliveira & Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia; on linear RGB.
    const BLINDNESSES: [[[f64; 3]; 3]; 3] = [
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ];
    const SIGHTED: [[f64; 3]; 3] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    /// Linear sRGB to XYZ, relative to the white point D65.
    const XYZ: [[f64; 3]; 3] = [
        [0.4339499, 0.3762098, 0.1898430],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0177566, 0.1094680, 0.8727755],
    ];

    fn times(matrix: &[[f64; 3]; 3], v: [f64; 3]) -> [f64; 3] {
        matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
    }

    /// CIELAB of a colour as seen.
    fn lab(hue: Hue, seen: &[[f64; 3]; 3]) -> [f64; 3] {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&hue.hex()[at..at + 2], 16).unwrap();
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        let linear = times(seen, [channel(1), channel(3), channel(5)]);
        let [x, y, z] = times(&XYZ, linear.map(|c| c.clamp(0.0, 1.0))).map(|t| {
            if t > 216.0 / 24389.0 {
                t.cbrt()
            } else {
                (24389.0 / 27.0 * t + 16.0) / 116.0
            }
        });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Distance in CIELAB for the eye that tells the two apart least.
    fn apart(a: Hue, b: Hue) -> f64 {
        let distance = |seen| {
            let (a, b) = (lab(a, seen), lab(b, seen));
            let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let eyes = BLINDNESSES.iter().chain([&SIGHTED]);
        eyes.map(distance).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn every_method_has_a_look_and_those_of_one_shape_differ_in_colour_for_colour_blind_eyes_too() {
        assert!(apart(Hue::Blue, Hue::Green) < 20.0, "alike in tritanopia");
        let looks: Vec<(&str, Look)> = METHODS
            .iter()
            .map(|method| method.info())
            .map(|info| (info.name, info.look.expect(info.name)))
            .collect();
        for (i, (name, look)) in looks.iter().enumerate() {
            for (other, earlier) in &looks[..i] {
                assert!(
                    look.outline != earlier.outline || apart(look.hue, earlier.hue) > 35.0,
                    "{name} and {other} look alike: {look:?}, {earlier:?}"
                );
            }
        }
    }

    #[test]
    fn a_run_of_before_gets_the_looks_of_the_registry_and_a_recorded_look_stays() {
        let note = |name: &str, look: Option<MethodLook>| MethodNote {
            name: name.to_owned(),
            definition: String::new(),
            paper: None,
            level: None,
            look,
        };
        let own = MethodLook {
            colour: "#123456".to_owned(),
            shape: "star".to_owned(),
        };
        let [first, second] = [METHODS[0].info(), METHODS[1].info()];
        let mut notes = [
            note(first.name, None),
            note(second.name, Some(own.clone())),
            note("gone", None),
        ];
        complete_looks(METHODS, &mut notes);
        assert_eq!(notes[0].look, look(first));
        assert_eq!(notes[1].look, Some(own));
        assert_eq!(notes[2].look, None);
    }
}
