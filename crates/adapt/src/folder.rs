//! What a record says of a sentence-transformers folder: whether it was followed.

use crate::{Event, Setting};
use serde_json::json;
use transformer::{Pooling, SentenceFolder};

/// Notes what the model's folder asks for, and whether its modules were followed (`pooling` is `None`) or this pooling was read instead,
/// and a longest text that differs from its own. Nothing for a folder that is none of sentence-transformers.
pub fn note_folder(
    setting: &mut Setting<'_>,
    folder: &SentenceFolder,
    pooling: Option<Pooling>,
    max_length: usize,
) {
    let Some(asked) = folder.describe() else {
        return;
    };
    let mut about = json!({"folder": asked, "followed": pooling.is_none()});
    if let Some(pooling) = pooling {
        about["pooling"] = json!(pooling);
    }
    if let Some(own) = folder.max_length()
        && own != max_length
    {
        about["max_length"] = json!({"folder": own, "used": max_length});
    }
    (setting.events)(Event::Note {
        name: "sentence_transformers".to_owned(),
        value: about,
    });
}
