//! What a pretraining reads, before a tokenizer is there: texts to train on, texts to measure on, labelled texts; none of what is excluded.

use crate::PretrainError;
use crate::config::Pretraining;
use crate::corpus::Corpus;
use crate::episodes::labelled::{Labelled, LabelledFile};
use crate::exclude::Excluded;

/// Everything that is read.
pub(crate) struct Texts {
    pub(crate) corpus: Corpus,
    pub(crate) held_out: Corpus,
    pub(crate) labelled: Labelled,
    pub(crate) labelled_held_out: Labelled,
    pub(crate) about: About,
}

/// What the card says of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    /// Sentences of the corpus that are not trained on because they are excluded.
    pub(crate) left_out: usize,
    pub(crate) labelled: Vec<LabelledFile>,
}

impl Texts {
    /// Reads what the settings name.
    ///
    /// # Errors
    /// A file that cannot be read, a directory that is no task.
    pub(crate) fn read(settings: &Pretraining) -> Result<Texts, PretrainError> {
        let excluded = Excluded::of_tasks(&settings.exclude)?;
        let mut corpus = Corpus::read(&settings.corpus)?;
        let left_out = corpus.leave_out(&excluded);
        let held_out = if settings.held_out.is_empty() {
            corpus.split_off_held_out()
        } else {
            let mut held_out = Corpus::read(&settings.held_out)?;
            held_out.leave_out(&excluded);
            held_out
        };
        let mut labelled = Labelled::read(&settings.labelled, &excluded)?;
        let files = labelled.files();
        Ok(Texts {
            labelled_held_out: labelled.split_off_held_out(),
            labelled,
            corpus,
            held_out,
            about: About {
                left_out,
                labelled: files,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;
    use std::path::Path;

    fn settings(dir: &Path, held_out: &[&str]) -> Pretraining {
        let file = |name: &str| {
            let path = dir.join(name);
            fs::write(
                &path,
                format!("{name}\n\nWhere is my {name} today? Nobody knew.\n"),
            )
            .unwrap();
            path
        };
        let held_out: Vec<_> = held_out.iter().map(|name| file(name)).collect();
        serde_json::from_value(json!({
            "source": {"from": "model"}, "corpus": [file("train")], "held_out": held_out, "tokens": 1, "length": 16, "batch": 1,
            "short_share": 0.0, "episode_share": 0.0, "repeat_share": 0.0, "look_up_share": 0.0, "label_weight": 1, "mask_share": 0.15, "left_to_right_share": 0.0, "neighbour_weight": 0.0, "embeddings": "random",
            "learning_rate": 1e-3, "warmup_share": 0.0, "weight_decay": 0.0, "clip_norm": 1.0, "seed": 0,
        }))
        .unwrap()
    }

    fn paragraphs(part: &Corpus) -> Vec<&str> {
        let all = part.documents.iter().flat_map(|d| &d.paragraphs);
        all.map(String::as_str).collect()
    }

    #[test]
    fn given_held_out_files_are_measured_on_and_not_trained_on() {
        let dir = tempfile::tempdir().unwrap();
        let texts = Texts::read(&settings(dir.path(), &["held out"])).unwrap();
        assert_eq!(paragraphs(&texts.corpus)[0], "train");
        assert_eq!(paragraphs(&texts.held_out)[0], "held out");
    }

    #[test]
    fn sentences_of_an_excluded_task_are_neither_trained_on_nor_measured_on() {
        let dir = tempfile::tempdir().unwrap();
        let task = dir.path().join("task");
        fs::create_dir(&task).unwrap();
        for split in ["train", "validation", "test"] {
            let planted = if split == "test" {
                "where is my train today"
            } else {
                "else"
            };
            let rows = format!("text\tlabel\n{planted}\ta\nanother text of {split}\tb\n");
            fs::write(task.join(format!("{split}.tsv")), rows).unwrap();
        }
        let mut settings = settings(dir.path(), &[]);
        let excluded = Excluded::of_tasks(std::slice::from_ref(&task)).unwrap();
        let overlap = |settings: &Pretraining| {
            let texts = Texts::read(settings).unwrap();
            let overlap = texts.corpus.overlap(&excluded) + texts.held_out.overlap(&excluded);
            (overlap, texts.about.left_out)
        };
        assert_eq!(overlap(&settings), (1, 0));
        settings.exclude = vec![task];
        assert_eq!(overlap(&settings), (0, 1));
        let texts = Texts::read(&settings).unwrap();
        assert_eq!(paragraphs(&texts.corpus), ["Nobody knew."]);
    }
}
