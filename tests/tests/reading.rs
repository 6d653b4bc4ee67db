//! What a method says it reads of a text is what it reads: for every entry of `METHODS`, on an encoder and a decoder.

use adapt::conformance::Bench;
use adapt::{HeadPolicy, Method, Reading};
use std::path::Path;
use task::Example;

#[test]
fn every_method_says_which_texts_it_cuts_and_reads_nothing_behind_the_cut() {
    for architecture in ["bert", "gpt2"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/oracle")
            .join(architecture);
        let device = ops::test_device();
        let base = transformer::load(&dir, &device).expect("the fixture loads");
        let bench = Bench::new(base, device.autodiff()).with_head(HeadPolicy::Linear);
        let methods = runner::METHODS.iter();
        for method in methods.filter(|method| method.not_applicable(&bench.base).is_none()) {
            if let Err(reason) = reads_what_it_says(*method, &bench) {
                panic!("{} on {architecture}: {reason}", method.info().name);
            }
        }
    }
}

/// Texts that are said to be cut score alike whatever stands behind the cut; a short one is not cut.
fn reads_what_it_says(method: &dyn Method, bench: &Bench) -> Result<(), String> {
    let predictor = bench.fit(method, serde_json::Value::Null, bench.budget(1, 8))?;
    let long = "a very good film and a bad end ".repeat(40);
    let longer = format!("{long} {}", "not bad at all ".repeat(9));
    let examples = ["good", &long, &longer].map(|text| Example {
        text: text.to_owned(),
        ..bench.examples()[0].clone()
    });
    let reading = predictor.reading(&examples).map_err(|e| e.to_string())?;
    let cut = match reading.ok_or("it does not say how much of a text it reads")? {
        Reading::Whole => return Ok(()),
        Reading::UpTo { cut, .. } => cut,
    };
    if cut != 2 {
        return Err(format!(
            "{cut} of one short and two long texts are said to be cut"
        ));
    }
    let logits = predictor
        .class_logits(&examples)
        .map_err(|e| e.to_string())?;
    let pairs = logits[1].iter().zip(&logits[2]);
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    if worst > 1e-4 {
        return Err(format!(
            "scores of two texts that begin alike differ by {worst}"
        ));
    }
    Ok(())
}
