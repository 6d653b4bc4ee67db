//! What a task is once read: three splits of labelled texts over one list of classes.

/// One labelled text, or pair of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Row in the file that the example was read from, counted from 0 without the header. Shards of one split count on.
    /// A validation split drawn from train keeps the rows of the training file.
    pub row: u64,
    /// The text, or the first of a pair, as it stands in the file.
    pub text: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// Index into [`Task::classes`].
    pub label: usize,
}

/// The examples of train, validation or test, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The examples.
    pub examples: Vec<Example>,
}

impl Split {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.examples.is_empty()
    }

    /// The examples in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Example> {
        self.examples.iter()
    }

    /// Texts (and second texts of pairs) in order, without labels.
    pub fn texts(&self) -> Vec<(&str, Option<&str>)> {
        self.iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect()
    }

    /// Class indices in order.
    pub fn labels(&self) -> Vec<usize> {
        self.iter().map(|example| example.label).collect()
    }

    /// How many examples each of `classes` classes has.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for example in self {
            counts[example.label] += 1;
        }
        counts
    }
}

impl<'a> IntoIterator for &'a Split {
    type Item = &'a Example;
    type IntoIter = std::slice::Iter<'a, Example>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A classification task, checked: every split has examples, train has at least two classes, every label is known.
#[derive(Clone, Debug)]
pub struct Task {
    /// Name of the directory, data set or bundled task.
    pub name: String,
    /// Class names. In the order of `labels.txt` or of the data set's own label feature where there is one, else sorted.
    pub classes: Vec<String>,
    /// One description a class, from the second column of `labels.txt`.
    pub descriptions: Option<Vec<String>>,
    /// Whether every example is a pair of texts.
    pub pairs: bool,
    /// Examples to learn from.
    pub train: Split,
    /// Examples to choose hyper-parameters and checkpoints on.
    pub validation: Split,
    /// Examples to report on, and for nothing else.
    pub test: Split,
    /// SHA-256 of the names and bytes of the split files and `labels.txt`, and of the class names, in hexadecimal.
    pub digest: String,
    /// What a reader of results must know: split rules applied, empty and repeated texts, texts of test seen in train.
    pub notes: Vec<String>,
}
