//! Readers with a fault each, which must be found.

use super::commands::not_finite_table;
use super::readers::{Reader, Verdict, reader};
use std::fs;

/// All of them; the fault is at input 3.
pub(crate) const PLANTED: [Reader; 5] = [
    reader(
        "planted-panic",
        0,
        "plans",
        &["plan.toml"],
        |_, place| match place.seed {
            3 => panic!("a planted panic"),
            _ => Verdict::Accepted,
        },
    ),
    reader("planted-loop", 0, "plans", &["plan.toml"], |_, place| {
        loop {
            if place.seed != 3 {
                return Verdict::Accepted;
            }
            std::hint::spin_loop();
        }
    }),
    reader("planted-memory", 0, "plans", &["plan.toml"], |_, place| {
        let bytes = if place.seed == 3 { 2 << 30 } else { 1 << 20 };
        std::hint::black_box(vec![0u8; bytes]);
        Verdict::Accepted
    }),
    reader(
        "planted-overflow",
        0,
        "plans",
        &["plan.toml"],
        |_, place| {
            Verdict::Refused(descend(if place.seed == 3 { u64::MAX } else { 3 }).to_string())
        },
    ),
    reader("planted-nan", 0, "plans", &["plan.toml"], |_, place| {
        let value = if place.seed == 3 { "NaN" } else { "0.5" };
        let path = place.out.join("scores.csv");
        fs::write(
            &path,
            format!("row,label,logit_0,logit_1\n0,a,0.5,{value}\n"),
        )
        .expect("written");
        not_finite_table(&path).map_or(Verdict::Accepted, Verdict::NotFinite)
    }),
];

fn descend(depth: u64) -> u64 {
    let held = std::hint::black_box([depth; 64]);
    if depth == 0 {
        0
    } else {
        descend(depth - 1) + held[depth as usize % 64] % 2
    }
}
