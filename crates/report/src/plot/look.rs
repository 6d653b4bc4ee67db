//! How the arms of a group look: colour and shape are the method's in every chart of every run, lines and marks tell its variants apart.

use super::picture::{BLACK, BLUE, Colour, GREEN, Marker, ORANGE, PURPLE, SKY, Stroke, VERMILION};
use record::{MethodLook, MethodNote};

/// How one way of adapting looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) colour: Colour,
    pub(crate) marker: Marker,
    pub(crate) variant: Variant,
}

/// What tells the arms of one method apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// The first; its marker is bare and its line solid.
    First,
    /// A ring around the marker; dashes.
    Ring,
    /// A bar below it; dots.
    Bar,
    /// Both; dashes and dots.
    RingAndBar,
}

impl Variant {
    /// Of the arm that has `earlier` arms of its method before it; the fifth looks as the first does.
    fn after(earlier: usize) -> Self {
        [Self::First, Self::Ring, Self::Bar, Self::RingAndBar][earlier % 4]
    }

    pub(crate) fn stroke(self) -> Stroke {
        match self {
            Self::First => Stroke::Solid,
            Self::Ring => Stroke::Dashed,
            Self::Bar => Stroke::Dotted,
            Self::RingAndBar => Stroke::DashDotted,
        }
    }

    pub(crate) fn has_ring(self) -> bool {
        matches!(self, Self::Ring | Self::RingAndBar)
    }

    pub(crate) fn has_bar(self) -> bool {
        matches!(self, Self::Bar | Self::RingAndBar)
    }
}

const COLOURS: [Colour; 7] = [BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, BLACK];
const SHAPES: [(&str, Marker); 9] = [
    ("circle", Marker::Circle),
    ("square", Marker::Square),
    ("up", Marker::Up),
    ("diamond", Marker::Diamond),
    ("down", Marker::Down),
    ("pentagon", Marker::Pentagon),
    ("cross", Marker::Cross),
    ("hexagon", Marker::Hexagon),
    ("star", Marker::Star),
];

/// The looks of arms of `methods`, in order. Where the run has no look of a method, the method's name gives one that no other method of
/// the run has.
pub(crate) fn of_arms(methods: &[&str], notes: &[MethodNote]) -> Vec<Look> {
    let mut known: Vec<(&str, (Colour, Marker))> = notes
        .iter()
        .filter_map(|note| Some((note.name.as_str(), read(note.look.as_ref()?)?)))
        .collect();
    let mut others: Vec<&str> = methods.to_vec();
    others.extend(notes.iter().map(|note| note.name.as_str()));
    others.sort_unstable();
    others.dedup();
    for method in others {
        if known.iter().all(|(name, _)| *name != method) {
            let taken: Vec<_> = known.iter().map(|(_, look)| *look).collect();
            known.push((method, by_name(method, &taken)));
        }
    }
    let look = |(at, method): (usize, &&str)| {
        let of_method = known.iter().find(|(name, _)| name == method);
        let (colour, marker) = of_method.expect("every method has got one").1;
        let earlier = methods[..at].iter().filter(|other| *other == method);
        let variant = Variant::after(earlier.count());
        Look {
            colour,
            marker,
            variant,
        }
    };
    methods.iter().enumerate().map(look).collect()
}

/// A recorded look; `None` where it is spelt as nothing that is known here.
fn read(look: &MethodLook) -> Option<(Colour, Marker)> {
    let digits = look.colour.strip_prefix('#').filter(|d| d.len() == 6)?;
    let colour = u32::from_str_radix(digits, 16).ok()?;
    let [_, red, green, blue] = colour.to_be_bytes();
    let marker = SHAPES.iter().find(|(name, _)| *name == look.shape)?.1;
    Some(((red, green, blue), marker))
}

/// The place of a name in the list of all colours with all shapes (FNV-1a), or the next one that is free.
fn by_name(name: &str, taken: &[(Colour, Marker)]) -> (Colour, Marker) {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let all = COLOURS.len() * SHAPES.len();
    let first = (hash % all as u64) as usize;
    let at = |place: usize| {
        let place = place % all;
        (
            COLOURS[place % COLOURS.len()],
            SHAPES[place % SHAPES.len()].1,
        )
    };
    let mut free = (first..first + all)
        .map(at)
        .filter(|look| !taken.contains(look));
    free.next().unwrap_or(at(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str, look: Option<(&str, &str)>) -> MethodNote {
        MethodNote {
            name: name.to_owned(),
            definition: String::new(),
            paper: None,
            level: None,
            look: look.map(|(colour, shape)| MethodLook {
                colour: colour.to_owned(),
                shape: shape.to_owned(),
            }),
        }
    }

    #[test]
    fn a_method_looks_the_same_whatever_stands_beside_it() {
        let notes = [note("lime", Some(("#d55e00", "square"))), note("ash", None)];
        let with = of_arms(&["elm", "ash", "lime"], &notes);
        assert_eq!(of_arms(&["lime"], &notes), with[2..]);
        assert_eq!(of_arms(&["ash", "elm"], &notes), [with[1], with[0]]);
        assert_eq!(
            (with[2].colour, with[2].marker),
            (VERMILION, Marker::Square)
        );
    }

    #[test]
    fn variants_share_the_look_of_their_method_and_differ_in_their_style() {
        let looks = of_arms(&["lime", "oak", "lime", "lime", "lime"], &[]);
        let limes = [looks[0], looks[2], looks[3], looks[4]];
        for (i, lime) in limes.iter().enumerate() {
            assert_eq!(
                (lime.colour, lime.marker),
                (looks[0].colour, looks[0].marker)
            );
            assert!(limes[..i].iter().all(|other| other.variant != lime.variant));
            let stroke = |look: &Look| look.variant.stroke();
            assert!(limes[..i].iter().all(|other| stroke(other) != stroke(lime)));
        }
        assert_eq!(looks[1].variant, Variant::First);
    }

    #[test]
    fn no_two_methods_without_a_registered_look_share_one() {
        let names: Vec<String> = (0..63).map(|i| format!("method-{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let looks = of_arms(&names, &[]);
        for (i, look) in looks.iter().enumerate() {
            assert!(!looks[..i].contains(look), "{}", names[i]);
        }
        let more: Vec<&str> = names.iter().copied().chain(["one-more"]).collect();
        assert_eq!(of_arms(&more, &[]).len(), 64, "the last has to share");
    }

    #[test]
    fn a_look_that_is_spelt_wrong_is_as_none() {
        let without = of_arms(&["lime"], &[note("lime", None)]);
        for broken in [("red", "square"), ("#d55e00", "blob"), ("#d55e0", "up")] {
            assert_eq!(of_arms(&["lime"], &[note("lime", Some(broken))]), without);
        }
    }
}
