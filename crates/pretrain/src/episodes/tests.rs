use super::writing::{ENDS, LABEL_HEADS, PROMPT, TEXT_HEADS, part};
use super::*;
use crate::exclude::Excluded;
use crate::{Document, Family, packing::random, vocabulary};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Three books about different things, word by word different.
pub(super) fn corpus() -> Corpus {
    let line = |thing: &str, n: usize| {
        format!(
            "We saw the {thing} again number {} today. \"Where is {thing} {n}?\" said someone there.",
            n % 7
        )
    };
    let book = |things: [&str; 4]| Document {
        paragraphs: (0..60).map(|n| line(things[n % 4], n)).collect(),
    };
    let documents = vec![
        book(["harbour", "sailor", "anchor", "rudder"]),
        book(["garden", "flower", "spade", "hedge"]),
        book(["piano", "violin", "trumpet", "organ"]),
    ];
    Corpus {
        documents,
        ..Corpus::default()
    }
}

const CLASSES: [&str; 5] = ["animal", "food", "tool", "weather", "money"];

/// Thirty texts a class, each naming its class in cipher; some hold a label as a word.
fn labelled() -> Labelled {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kinds.tsv");
    let rows: String = CLASSES
        .iter()
        .enumerate()
        .flat_map(|(class, label)| {
            (0..30).map(move |n| {
                let leak = if n % 3 == 0 { "about Animals" } else { "here" };
                format!("{label}\tthing c{class} number {n} {leak}\n")
            })
        })
        .collect();
    fs::write(&file, rows).unwrap();
    Labelled::read(&[file], &Excluded::default()).unwrap()
}

fn episodes(corpus: &Corpus) -> Episodes<'_> {
    let mut episodes = Episodes::of(corpus, Labelled::default());
    episodes.words = (0..40).map(|n| format!("label{n}")).collect();
    episodes
}

#[test]
fn a_known_label_stood_behind_the_same_class_before_and_the_window_is_full() {
    let corpus = corpus();
    let tokenizer = vocabulary::train(Family::Gpt2, 500, &corpus).unwrap();
    let episodes = episodes(&corpus);
    let mut seen = 0;
    for number in 0..60 {
        let mut draws = random(1, "episode", number);
        let episode = episodes
            .episode(211, AGAIN_AT_FIRST, &tokenizer, &mut draws)
            .unwrap();
        assert_eq!(episode.ids.len(), 211);
        for place in &episode.known {
            assert!(place.end <= 211);
            let text = |range: Range<usize>| tokenizer.decode(&episode.ids[range], false).unwrap();
            let label = text(place.clone());
            let before = text(0..place.start);
            let head = LABEL_HEADS
                .iter()
                .find(|head| before.ends_with(*head))
                .unwrap_or_else(|| panic!("no label is due in: {before}"));
            assert!(
                before.contains(&format!("{head}{label}\n")),
                "the label{label} was shown in: {before}"
            );
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_same_seed_gives_the_same_episode() {
    let corpus = corpus();
    let tokenizer = vocabulary::train(Family::Gpt2, 500, &corpus).unwrap();
    let draw = |seed| {
        let episodes = Episodes::of(&corpus, labelled());
        let mut draws = random(seed, "episode", 4);
        let drawn = episodes
            .episode(300, AGAIN, &tokenizer, &mut draws)
            .unwrap();
        drawn.ids
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
}

/// Which label a class of the labelled texts has in an episode, by the class's number in its texts.
fn labels_of(classes: &[Named<'_>]) -> BTreeMap<usize, String> {
    let number = |text: &str| -> usize {
        let at = text.find(" c").expect("its class") + 2;
        text[at..=at].parse().expect("a digit")
    };
    let labels = classes.iter().map(|class| {
        let numbers: BTreeSet<usize> = class.texts.iter().map(|text| number(text)).collect();
        assert_eq!(numbers.len(), 1, "texts of one class under one label");
        (*numbers.first().unwrap(), class.label.clone())
    });
    labels.collect()
}

#[test]
fn what_a_label_says_cannot_be_relied_on() {
    let empty = Corpus::default();
    let mut episodes = Episodes::of(&empty, labelled());
    episodes.words = (0..40).map(|n| format!("label{n}")).collect();
    let (mut own, mut other, mut foreign) = (0, 0, 0);
    for number in 0..200 {
        let classes = episodes.classes(4, &mut random(3, "classes", number));
        let labels = labels_of(&classes);
        let different: BTreeSet<&String> = labels.values().collect();
        assert_eq!(different.len(), 4, "{labels:?}");
        for (class, label) in &labels {
            match CLASSES.iter().position(|name| name == label) {
                Some(name) if name == *class => own += 1,
                Some(_) => other += 1,
                None => foreign += 1,
            }
        }
        let kinds = labels.iter().map(|(class, label)| label == CLASSES[*class]);
        let kinds: BTreeSet<bool> = kinds.collect();
        assert_eq!(kinds.len(), 1, "all names are own, or none: {labels:?}");
    }
    // A quarter, a quarter, a half.
    assert!((150..250).contains(&own), "{own}");
    assert!((150..250).contains(&other), "{other}");
    assert!((330..470).contains(&foreign), "{foreign}");
}

#[test]
fn no_text_of_a_labelled_file_tells_its_label() {
    let empty = Corpus::default();
    let mut episodes = Episodes::of(&empty, labelled());
    episodes.words = (0..40).map(|n| format!("label{n}")).collect();
    let mut with_animals = 0;
    for number in 0..100 {
        let classes = episodes.classes(5, &mut random(9, "classes", number));
        let named = classes.iter().any(|class| class.label == "animal");
        let texts: Vec<&str> = classes
            .iter()
            .flat_map(|class| &class.texts)
            .copied()
            .collect();
        let tells = texts.iter().any(|text| text.contains("Animals"));
        assert!(!(named && tells), "{texts:?}");
        with_animals += usize::from(tells);
    }
    assert!(
        with_animals > 10,
        "nothing is dropped where no label is told"
    );
}

#[test]
fn the_form_varies_and_is_never_the_programs_own() {
    let mut draws = random(2, "form", 0);
    let mut seen = BTreeSet::new();
    for _ in 0..2_000 {
        let form = Form::draw(&mut draws);
        assert_ne!([form.text_head, form.label_head], PROMPT);
        seen.insert((form.text_head, form.label_head, form.end));
    }
    let all = TEXT_HEADS.len() * LABEL_HEADS.len() * ENDS.len();
    assert_eq!(seen.len(), all - ENDS.len());
    assert!(
        seen.iter().any(|form| form.0 == PROMPT[0]) && seen.iter().any(|form| form.1 == PROMPT[1])
    );
}

#[test]
fn a_part_is_at_least_half_of_the_passage() {
    let text = "One two, three four five.";
    let mut draws = random(4, "part", 0);
    let parts: BTreeSet<&str> = (0..200).map(|_| part(text, &mut draws)).collect();
    assert!(parts.contains(text) && parts.contains("One two, three"));
    assert!(
        parts.contains("three four five.") && parts.len() == 6,
        "{parts:?}"
    );
}
