//! Label placement: every label by its point, none on another label or on a marker, with a leader line where it had to move away.
//!
//! Each label has candidate places on rings around its point. Labels are placed greedily, the most crowded first, and then moved
//! again and again to their best place given all others, until nothing improves.

use super::picture::{Area, Place, RADIUS};

/// A point that wants a label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    pub(crate) at: Place,
    /// Width and height of the label.
    pub(crate) size: (f64, f64),
}

/// Where a label went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) area: Area,
    /// From the marker's edge to the label, where that is not obvious.
    pub(crate) leader: Option<(Place, Place)>,
}

/// Distances of the rings from the marker's edge.
const RINGS: [f64; 12] = [
    3.0, 9.0, 17.0, 27.0, 39.0, 53.0, 69.0, 88.0, 110.0, 136.0, 166.0, 200.0,
];
const DIRECTIONS: usize = 24;
/// Orders of placing that are tried, each forwards and backwards.
const ORDERS: usize = 8;
/// What no sum of lesser evils outweighs: a label on a marker or on another label.
const FORBIDDEN: f64 = 20_000.0;
/// Labels this close to their marker need no leader.
const OBVIOUS: f64 = 10.0;

/// Places of all labels within `bounds`. `lines` (error bars, the front) are avoided where that costs little.
pub(crate) fn place(wishes: &[Wish], bounds: &Area, lines: &[(Place, Place)]) -> Vec<Placed> {
    let markers: Vec<Area> = wishes
        .iter()
        .map(|w| Area::around(w.at, RADIUS + 1.0, RADIUS + 1.0))
        .collect();
    let candidates: Vec<Vec<Candidate>> = wishes
        .iter()
        .enumerate()
        .map(|(i, wish)| candidates(wish, i, bounds, &markers, lines))
        .collect();
    let crowd = |i: usize| {
        wishes
            .iter()
            .filter(|w| {
                (w.at.0 - wishes[i].at.0).abs() < 120.0 && (w.at.1 - wishes[i].at.1).abs() < 40.0
            })
            .count()
    };
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(crowd(*i)));
    // Another order ends in another optimum; the best of some is kept.
    let mut best: (f64, Vec<Option<Placed>>) = (f64::INFINITY, vec![None; wishes.len()]);
    for turn in 0..order.len().min(ORDERS) {
        let mut turned = order.clone();
        turned.rotate_left(turn * order.len() / ORDERS.min(order.len()));
        for order in [turned.clone(), turned.into_iter().rev().collect()] {
            let found = settle(&candidates, &order);
            if found.0 < best.0 {
                best = found;
            }
        }
    }
    let chosen = best.1;
    let fallback = |wish: &Wish| Placed {
        area: Area::around(wish.at, wish.size.0 / 2.0, wish.size.1 / 2.0),
        leader: None,
    };
    chosen
        .into_iter()
        .zip(wishes)
        .map(|(placed, wish)| placed.unwrap_or_else(|| fallback(wish)))
        .collect()
}

/// Places labels in `order` and moves them until nothing improves; also the sum of what is wrong.
fn settle(candidates: &[Vec<Candidate>], order: &[usize]) -> (f64, Vec<Option<Placed>>) {
    let mut chosen: Vec<Option<Placed>> = vec![None; candidates.len()];
    let mut costs = vec![0.0; candidates.len()];
    for _sweep in 0..40 {
        let mut moved = false;
        for &i in order {
            let cost = |c: &Candidate| c.cost + against_others(&c.placed, i, &chosen);
            let best = candidates[i]
                .iter()
                .map(|candidate| (cost(candidate), candidate.placed))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((cost, placed)) = best {
                moved |= chosen[i] != Some(placed);
                (costs[i], chosen[i]) = (cost, Some(placed));
            }
        }
        if !moved {
            break;
        }
    }
    (costs.iter().sum(), chosen)
}

struct Candidate {
    placed: Placed,
    /// Everything but the other labels.
    cost: f64,
}

fn candidates(
    wish: &Wish,
    own: usize,
    bounds: &Area,
    markers: &[Area],
    lines: &[(Place, Place)],
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for ring in RINGS {
        for step in 0..DIRECTIONS {
            let angle = std::f64::consts::TAU * step as f64 / DIRECTIONS as f64;
            let area = beside(wish, angle, RADIUS + ring);
            if !bounds.holds(&area) {
                continue;
            }
            let placed = Placed {
                area,
                leader: leader(wish.at, &area),
            };
            let cost = own_cost(&placed, own, ring, angle, markers, lines);
            found.push(Candidate { placed, cost });
        }
    }
    found
}

/// The label whose edge is `distance` away from the point in direction `angle`.
fn beside(wish: &Wish, angle: f64, distance: f64) -> Area {
    let (half_width, half_height) = (wish.size.0 / 2.0, wish.size.1 / 2.0);
    let (dx, dy) = (angle.cos(), angle.sin());
    // Slide the box along so that it touches the ring on its near side.
    let centre = (
        wish.at.0 + dx * distance + dx.clamp(-0.7, 0.7) / 0.7 * half_width,
        wish.at.1 + dy * distance + dy.clamp(-0.7, 0.7) / 0.7 * half_height,
    );
    Area::around(centre, half_width, half_height)
}

fn leader(at: Place, area: &Area) -> Option<(Place, Place)> {
    let end = area.nearest(at);
    let (dx, dy) = (end.0 - at.0, end.1 - at.1);
    let length = dx.hypot(dy);
    let from = (at.0 + dx / length * RADIUS, at.1 + dy / length * RADIUS);
    (length > RADIUS + OBVIOUS).then_some((from, end))
}

fn own_cost(
    placed: &Placed,
    own: usize,
    ring: f64,
    angle: f64,
    markers: &[Area],
    lines: &[(Place, Place)],
) -> f64 {
    let area = placed.area;
    // Right of the point reads best, then left, then above and below.
    let direction = 2.0 * angle.sin().abs() + if angle.cos() < -0.1 { 1.0 } else { 0.0 };
    let covered = markers.iter().filter(|marker| marker.meets(&area)).count() as f64;
    let distance = |to: Place| {
        let near = area.nearest(to);
        (near.0 - to.0).hypot(near.1 - to.1)
    };
    // A label beside another's marker is read as that one's.
    let to_own = distance(markers[own].centre());
    let misread = markers
        .iter()
        .enumerate()
        .filter(|(i, marker)| *i != own && distance(marker.centre()) < to_own + 9.0)
        .count() as f64;
    let crossed = lines
        .iter()
        .filter(|(from, to)| area.crossed_by(*from, *to))
        .count() as f64;
    let passed = placed.leader.map_or(0, |(from, to)| {
        markers
            .iter()
            .enumerate()
            .filter(|(i, marker)| *i != own && marker.crossed_by(from, to))
            .count()
    });
    0.5 * ring
        + direction
        + FORBIDDEN * covered
        + 26.0 * misread
        + 16.0 * crossed
        + 100.0 * passed as f64
        + if placed.leader.is_some() { 5.0 } else { 0.0 }
}

fn against_others(placed: &Placed, own: usize, chosen: &[Option<Placed>]) -> f64 {
    let others = chosen
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != own)
        .filter_map(|(_, other)| other.as_ref());
    others
        .map(|other| {
            let overlap = if placed.area.grown(1.5).meets(&other.area) {
                FORBIDDEN
            } else {
                0.0
            };
            let covers = other
                .leader
                .is_some_and(|(from, to)| placed.area.grown(1.0).crossed_by(from, to));
            let covered = placed
                .leader
                .is_some_and(|(from, to)| other.area.grown(1.0).crossed_by(from, to));
            let crosses = match (placed.leader, other.leader) {
                (Some(a), Some(b)) => segments_cross(a, b),
                _ => false,
            };
            overlap
                + 200.0 * f64::from(u8::from(covers))
                + 200.0 * f64::from(u8::from(covered))
                + 50.0 * f64::from(u8::from(crosses))
        })
        .sum()
}

fn segments_cross(a: (Place, Place), b: (Place, Place)) -> bool {
    let side = |p: Place, q: Place, r: Place| (q.0 - p.0) * (r.1 - p.1) - (q.1 - p.1) * (r.0 - p.0);
    let apart =
        |p: (Place, Place), q: (Place, Place)| side(p.0, p.1, q.0) * side(p.0, p.1, q.1) < 0.0;
    apart(a, b) && apart(b, a)
}

/// Moves places on a line apart to at least `spacing`, as little as possible, within `low..high`: labels in a column.
pub(crate) fn spread(wanted: &[f64], spacing: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let room = high - low;
    let spacing = if wanted.len() > 1 {
        spacing.min(room / (wanted.len() - 1) as f64)
    } else {
        spacing
    };
    // Runs of touching labels, each centred on the mean of what its members wanted.
    let mut runs: Vec<(Vec<usize>, f64)> = Vec::new();
    let top = |run: &(Vec<usize>, f64)| run.1 - spacing * (run.0.len() - 1) as f64 / 2.0;
    let bottom = |run: &(Vec<usize>, f64)| run.1 + spacing * (run.0.len() - 1) as f64 / 2.0;
    for i in order {
        let mut run = (vec![i], wanted[i].clamp(low, high));
        while let Some(before) = runs.last() {
            if bottom(before) + spacing <= top(&run) + 1e-9 {
                break;
            }
            let before = runs.pop().expect("looked at just now");
            let members: Vec<usize> = before.0.into_iter().chain(run.0).collect();
            let mean = members.iter().map(|m| wanted[*m]).sum::<f64>() / members.len() as f64;
            let half = spacing * (members.len() - 1) as f64 / 2.0;
            run = (
                members,
                mean.clamp(low + half, (high - half).max(low + half)),
            );
        }
        runs.push(run);
    }
    let mut placed = vec![0.0; wanted.len()];
    for run in &runs {
        for (rank, member) in run.0.iter().enumerate() {
            placed[*member] = top(run) + spacing * rank as f64;
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const BOUNDS: Area = Area {
        left: 80.0,
        top: 60.0,
        right: 800.0,
        bottom: 500.0,
    };

    fn check(wishes: &[Wish], what: &str) {
        let placed = place(wishes, &BOUNDS, &[]);
        for (i, one) in placed.iter().enumerate() {
            assert!(BOUNDS.holds(&one.area), "{what}: label {i} leaves the plot");
            for (j, other) in placed.iter().enumerate().skip(i + 1) {
                assert!(
                    !one.area.meets(&other.area),
                    "{what}: labels {i} and {j} overlap"
                );
            }
            for (j, wish) in wishes.iter().enumerate() {
                let marker = Area::around(wish.at, RADIUS, RADIUS);
                assert!(
                    !one.area.meets(&marker),
                    "{what}: label {i} covers marker {j}"
                );
            }
            let away = one.area.nearest(wishes[i].at);
            let far = (away.0 - wishes[i].at.0).hypot(away.1 - wishes[i].at.1) > RADIUS + OBVIOUS;
            assert_eq!(
                far,
                one.leader.is_some(),
                "{what}: label {i} and its leader line"
            );
        }
    }

    #[test]
    fn seventeen_crowded_points_have_labels_that_overlap_nothing() {
        for seed in 0..25 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let wishes: Vec<Wish> = (0..17)
                .map(|_| Wish {
                    at: (
                        random.random_range(380.0..520.0),
                        random.random_range(180.0..260.0),
                    ),
                    size: (random.random_range(40.0..120.0), 16.0),
                })
                .collect();
            check(&wishes, &format!("crowd {seed}"));
        }
    }

    #[test]
    fn points_in_a_corner_and_on_one_line_have_labels_too() {
        let corner: Vec<Wish> = (0..17)
            .map(|i| Wish {
                at: (790.0 - f64::from(i % 4) * 9.0, 66.0 + f64::from(i) * 4.0),
                size: (90.0, 16.0),
            })
            .collect();
        check(&corner, "corner");
        let column: Vec<Wish> = (0..9)
            .map(|i| Wish {
                at: (100.0, 120.0 + f64::from(i) * 7.0),
                size: (100.0, 16.0),
            })
            .collect();
        check(&column, "column");
    }

    #[test]
    fn a_lonely_label_stands_right_of_its_point() {
        let placed = place(
            &[Wish {
                at: (300.0, 300.0),
                size: (50.0, 16.0),
            }],
            &BOUNDS,
            &[],
        )[0];
        assert!(
            placed.area.left > 300.0 && placed.area.left < 312.0 && placed.leader.is_none(),
            "{placed:?}"
        );
    }

    #[test]
    fn a_column_of_labels_is_spread_as_little_as_needed() {
        assert_eq!(spread(&[50.0, 10.0], 16.0, 0.0, 100.0), [50.0, 10.0]);
        assert_eq!(
            spread(&[50.0, 52.0, 51.0], 10.0, 0.0, 100.0),
            [41.0, 61.0, 51.0]
        );
        assert_eq!(spread(&[0.0, 1.0], 10.0, 0.0, 100.0), [0.0, 10.0]);
        let tight = spread(&[5.0; 11], 30.0, 0.0, 100.0);
        assert!(
            (tight[10] - 100.0).abs() < 1e-9 && tight[0].abs() < 1e-9,
            "{tight:?}"
        );
    }
}
