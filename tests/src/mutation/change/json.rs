//! Changes of JSON that mostly stay JSON: keys and values that are missing, double, of another kind, or out of all proportion.

use super::super::random::Draws;
use super::words::{KEYS, LONG, STRINGS};
use serde_json::{Map, Value, json};

/// Begins a string that is written as it is, without quotes: numbers that serde_json cannot hold.
const RAW: &str = "\u{f8ff}";

/// One to three changes; `other` is a document of the same kind to take keys and values of.
pub(crate) fn change(text: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(text) else {
        return super::bytes::change(text.to_vec(), other, draws);
    };
    let other = serde_json::from_slice(other).unwrap_or(Value::Null);
    for _ in 0..draws.size(3).max(1) {
        change_value(&mut value, &other, draws);
    }
    written(&value, draws)
}

/// One change within a document.
pub(crate) fn change_value(document: &mut Value, other: &Value, draws: &mut Draws) {
    match draws.below(14) {
        0 => delete(document, draws),
        1 => rename(document, draws),
        2 | 3 => {
            let value = hostile(draws);
            *place(document, draws) = value;
        }
        4 | 5 => {
            let key = key(other, draws);
            let value = match draws.happens(0.5) {
                true => plausible(other, draws),
                false => hostile(draws),
            };
            insert(object(document, draws), key, value);
        }
        6 => {
            let value = place(document, draws).clone();
            *place(document, draws) = value;
        }
        7 => {
            let value = plausible(other, draws);
            *place(document, draws) = value;
        }
        8 => repeat(place(document, draws), draws),
        9 => another_kind(place(document, draws)),
        _ => nudge(place(document, draws), draws),
    }
}

/// The document as text; now and then with a key that stands twice, or cut off.
fn written(value: &Value, draws: &mut Draws) -> Vec<u8> {
    let text = match draws.happens(0.3) {
        true => value.to_string(),
        false => serde_json::to_string_pretty(value).expect("a value serialises"),
    };
    let mut text = without_quotes(&text);
    if draws.happens(0.05)
        && let Some(brace) = nth(&text, '{', draws)
    {
        let key = *draws.one(&KEYS);
        let twice = format!(
            "\"{key}\": {}, \"{key}\": {},",
            draws.below(9),
            draws.below(9)
        );
        text.insert_str(brace + 1, &twice);
    }
    if draws.happens(0.02) {
        let start: &&str = draws.one(&["\u{feff}", " ", "\n\n", "//\n", "{}"]);
        text.insert_str(0, start);
    }
    text.into_bytes()
}

fn nth(text: &str, what: char, draws: &mut Draws) -> Option<usize> {
    let all: Vec<usize> = text.match_indices(what).map(|(at, _)| at).collect();
    (!all.is_empty()).then(|| *draws.one(&all))
}

fn without_quotes(text: &str) -> String {
    let begin = format!("\"{RAW}");
    let mut parts = text.split(&begin);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (raw, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(raw);
        out.push_str(rest);
    }
    out
}

/// A place in the document, those near the top more often.
fn place<'a>(document: &'a mut Value, draws: &mut Draws) -> &'a mut Value {
    let inner = match document {
        Value::Object(map) => map.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if inner == 0 {
        return document;
    }
    let at = draws.below(inner);
    let deeper = draws.happens(0.7);
    let child = match document {
        Value::Object(map) => map.values_mut().nth(at),
        Value::Array(items) => items.get_mut(at),
        _ => None,
    };
    let child = child.expect("counted above");
    if deeper { place(child, draws) } else { child }
}

/// An object of the document: mostly the whole.
fn object<'a>(document: &'a mut Value, draws: &mut Draws) -> &'a mut Value {
    if draws.happens(0.6) {
        return document;
    }
    let inner: Vec<usize> = match document {
        Value::Object(map) => map
            .values()
            .enumerate()
            .filter(|(_, value)| value.is_object() || value.is_array())
            .map(|(at, _)| at)
            .collect(),
        Value::Array(items) => (0..items.len()).collect(),
        _ => Vec::new(),
    };
    if inner.is_empty() {
        return document;
    }
    let at = *draws.one(&inner);
    let child = match document {
        Value::Object(map) => map.values_mut().nth(at),
        Value::Array(items) => items.get_mut(at),
        _ => None,
    };
    object(child.expect("counted above"), draws)
}

fn delete(document: &mut Value, draws: &mut Draws) {
    match object(document, draws) {
        Value::Object(map) => {
            if let Some(key) = map.keys().nth(draws.below(map.len())).cloned() {
                map.shift_remove(&key);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            items.remove(draws.below(items.len()));
        }
        other => *other = Value::Null,
    }
}

fn rename(document: &mut Value, draws: &mut Draws) {
    let Value::Object(map) = object(document, draws) else {
        return;
    };
    if let Some(key) = map.keys().nth(draws.below(map.len())).cloned() {
        let value = map.shift_remove(&key).expect("a key of the map");
        let name = match draws.below(4) {
            0 => key.to_uppercase(),
            1 => format!("{key} "),
            2 => (*draws.one(&STRINGS)).to_owned(),
            _ => (*draws.one(&KEYS)).to_owned(),
        };
        map.insert(name, value);
    }
}

fn insert(into: &mut Value, key: String, value: Value) {
    match into {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(items) => items.push(value),
        other => *other = Value::Object(Map::from_iter([(key, value)])),
    }
}

/// A key that some reader knows.
fn key(other: &Value, draws: &mut Draws) -> String {
    let known: Vec<&String> = other
        .as_object()
        .map_or(Vec::new(), |map| map.keys().collect());
    if !known.is_empty() && draws.happens(0.4) {
        return (*draws.one(&known)).clone();
    }
    (*draws.one(&KEYS)).to_owned()
}

/// A value that a reader may well accept.
fn plausible(other: &Value, draws: &mut Draws) -> Value {
    let mut other = other.clone();
    match draws.below(4) {
        0 => json!(draws.below(8)),
        1 => json!(draws.happens(0.5)),
        2 => json!(draws.one(&STRINGS)),
        _ => place(&mut other, draws).clone(),
    }
}

/// A value that nobody has in mind.
fn hostile(draws: &mut Draws) -> Value {
    const NUMBERS: [&str; 27] = [
        "0",
        "-0",
        "-0.0",
        "-1",
        "1",
        "3",
        "0.5",
        "2",
        "1e-45",
        "1e-12",
        "1e38",
        "1e39",
        "1e300",
        "1e308",
        "-1e308",
        "1e400",
        "NaN",
        "Infinity",
        "-Infinity",
        "2147483647",
        "2147483648",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
    ];
    match draws.below(12) {
        0..=4 => json!(format!("{RAW}{}", draws.one(&NUMBERS))),
        5 => Value::Null,
        6 => json!(draws.happens(0.5)),
        7 => json!(draws.one(&STRINGS)),
        8 => json!([]),
        9 => json!({}),
        10 => json!(draws.one(&LONG).repeat(draws.size(100_000))),
        _ => {
            let depth = draws.size(100_000);
            json!(format!("{RAW}{}{}", "[".repeat(depth), "]".repeat(depth)))
        }
    }
}

fn repeat(value: &mut Value, draws: &mut Draws) {
    match value {
        Value::Array(items) => {
            let all = items.clone();
            let times = draws.size(1000).min(200_000 / all.len().max(1));
            for _ in 0..times {
                items.extend(all.iter().cloned());
            }
        }
        Value::Object(map) => {
            for number in 0..draws.size(20_000) {
                map.insert(format!("{number}"), json!(number));
            }
        }
        Value::String(text) => *text = text.repeat(draws.size(2000)),
        other => *other = Value::Array(vec![other.clone(); draws.size(1000)]),
    }
}

fn another_kind(value: &mut Value) {
    *value = match value.take() {
        Value::Null => json!(0),
        Value::Bool(flag) => json!(i32::from(flag)),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => text
            .parse()
            .map_or(json!([text]), |number: f64| json!(number)),
        Value::Array(items) => items.into_iter().next().unwrap_or(Value::Null),
        Value::Object(map) => Value::Array(map.into_iter().map(|(_, value)| value).collect()),
    };
}

/// A small change: the kind that goes unnoticed.
fn nudge(value: &mut Value, draws: &mut Draws) {
    match value {
        Value::Bool(flag) => *flag = !*flag,
        Value::Number(number) => {
            *value = match number.as_i64() {
                Some(whole) => json!(match draws.below(6) {
                    0 => whole.wrapping_add(1),
                    1 => whole.wrapping_sub(1),
                    2 => whole.wrapping_mul(2),
                    3 => whole / 2,
                    4 => whole.wrapping_neg(),
                    _ => whole.wrapping_mul(1000),
                }),
                None => {
                    let found = number.as_f64().unwrap_or(1.0);
                    json!(found * *draws.one(&[2.0, -1.0, 0.5, 0.0, 1e6, 1e-6]))
                }
            };
        }
        Value::String(text) => match draws.below(5) {
            0 => text.clear(),
            1 => text.push('\u{1b}'),
            2 => *text = (*draws.one(&STRINGS)).to_owned(),
            3 => *text = text.to_uppercase(),
            _ => {
                text.pop();
            }
        },
        Value::Array(items) if items.len() > 1 => {
            let (a, b) = (draws.below(items.len()), draws.below(items.len()));
            items.swap(a, b);
        }
        Value::Object(map) if map.len() > 1 => {
            // The values of two keys change places.
            let keys: Vec<String> = map.keys().cloned().collect();
            let (a, b) = (draws.one(&keys).clone(), draws.one(&keys).clone());
            let (first, second) = (map[&a].clone(), map[&b].clone());
            map.insert(a, second);
            map.insert(b, first);
        }
        other => *other = json!(1),
    }
}
