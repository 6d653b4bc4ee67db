//! What a reader of a trial's result must know beside its numbers: of the data, of the model, and how much of the texts was read.

use adapt::{PredictError, Predictor, Reading};
use record::{CutTexts, Notes};
use task::{Split, Task};
use transformer::Pretrained;

/// What is known once task and model are read. `task` and `train` are what limits left of the files.
pub(crate) fn of_sources(
    task: &Task,
    train: &Split,
    is_limited: bool,
    base: Option<&Pretrained>,
) -> Notes {
    let drawn = || draw_notes(train, task);
    let mut model = base.map_or(Vec::new(), |base| base.warnings.clone());
    if train.iter().any(|example| example.second.is_some()) {
        let on_pairs = base.and_then(|base| base.tokenizer.note_on_pairs());
        model.extend(on_pairs.map(str::to_owned));
    }
    Notes {
        task: task.notes.clone(),
        draw: is_limited.then(drawn).unwrap_or_default(),
        model,
    }
}

/// What limits did to the data: classes without an example, and the leaks among what they left.
fn draw_notes(train: &Split, task: &Task) -> Vec<String> {
    let leaks = task::notes_of_leaks(train, &task.validation, &task.test);
    let leaks = leaks.iter().map(|leak| format!("after the limits, {leak}"));
    let mut notes = task::notes_of_draw(train, &task.classes);
    notes.extend(leaks);
    notes
}

/// How much of the trial's texts a fitted method reads; `None` where it does not say.
///
/// # Errors
/// A text that cannot be tokenised.
pub(crate) fn reading(
    predictor: &dyn Predictor,
    task: &Task,
    train: &Split,
) -> Result<Option<record::Reading>, PredictError> {
    let mut all = record::Reading::default();
    let splits = [
        (train, &mut all.train),
        (&task.validation, &mut all.validation),
        (&task.test, &mut all.test),
    ];
    for (split, counted) in splits {
        let Some(read) = predictor.reading(&split.examples)? else {
            return Ok(None);
        };
        let (longest, cut) = match read {
            Reading::Whole => (None, 0),
            Reading::UpTo { tokens, cut } => (Some(tokens as u64), cut as u64),
        };
        all.longest = longest;
        *counted = CutTexts {
            texts: split.len() as u64,
            cut,
        };
    }
    Ok(Some(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: &str = "text\tlabel\none\ta\ntwo\tb\nthree\tc\nfour\ta\n";
    const TEST: &str = "text\tlabel\none\ta\nfour\ta\nfive\tb\n";

    fn task() -> Task {
        let files = [
            ("train.tsv", TRAIN),
            ("validation.tsv", TEST),
            ("test.tsv", TEST),
        ];
        task::from_bytes("t", &files.map(|(name, text)| (name, text.as_bytes()))).unwrap()
    }

    #[test]
    fn limits_are_noted_with_the_leaks_and_the_classes_that_they_left() {
        let task = task();
        let draw = |n: usize| Split {
            examples: task.train.examples[..n].to_vec(),
        };
        let notes = of_sources(&task, &draw(2), true, None);
        let expected = [
            "1 of 3 classes has no training example among 2",
            "after the limits, leak: 1 of 3 texts of validation also occur in train",
            "after the limits, leak: 1 of 3 texts of test also occur in train",
            "after the limits, leak: 3 of 3 texts of test also occur in validation",
        ];
        assert_eq!(notes.draw.len(), expected.len(), "{:?}", notes.draw);
        for (note, expected) in notes.draw.iter().zip(expected) {
            assert!(note.starts_with(expected), "{note}");
        }
        assert_eq!(notes.task, task.notes);
        assert!(of_sources(&task, &draw(4), false, None).draw.is_empty());
    }
}
