//! The ten public data sets that lie beside the project, where `ADAPTBENCH_SHARED_DATA` names their directory.

use std::path::Path;

use task::load;

/// Name, rows of train, validation and test, classes, the first class, pairs: from each data set's `SOURCE.md`.
const DATA: [(&str, [usize; 3], usize, &str, bool); 10] = [
    ("banking77", [9003, 1000, 3080], 77, "card_arrival", false),
    (
        "clinc150",
        [15000, 3000, 4500],
        150,
        "accept_reservations",
        false,
    ),
    ("cola", [7250, 1301, 1043], 2, "unacceptable", false),
    ("customer_reviews", [3010, 376, 376], 2, "negative", false),
    ("imdb", [5000, 1000, 5000], 2, "negative", false),
    ("rotten_tomatoes", [8528, 1066, 1066], 2, "negative", false),
    ("rte", [2127, 363, 277], 2, "entailment", true),
    ("sms_spam", [3592, 513, 1026], 2, "ham", false),
    ("sst2", [6920, 872, 1821], 2, "negative", false),
    ("subj", [8000, 999, 999], 2, "objective", false),
];

#[test]
fn all_ten_data_sets_have_the_rows_and_classes_of_their_source_notes() {
    let Some(root) = std::env::var_os("ADAPTBENCH_SHARED_DATA") else {
        println!("skipped: ADAPTBENCH_SHARED_DATA is not set");
        return;
    };
    for (name, rows, classes, first, pairs) in DATA {
        let task = load(&Path::new(&root).join(name)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            [task.train.len(), task.validation.len(), task.test.len()],
            rows,
            "{name}"
        );
        assert_eq!(
            (task.classes.len(), task.classes[0].as_str(), task.pairs),
            (classes, first, pairs),
            "{name}"
        );
        assert!(
            task.train
                .class_counts(classes)
                .iter()
                .all(|count| *count > 0),
            "{name}"
        );
        println!("{name}: {} {}", &task.digest[..8], task.notes.join("; "));
    }
}
