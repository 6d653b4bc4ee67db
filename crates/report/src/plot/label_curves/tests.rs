use super::*;
use crate::plot::look;
use crate::plot::picture::Shape;

fn line(label: &str, means: &[f64], leads: bool) -> Line {
    let point = |(at, mean): (usize, &f64)| Point {
        labels: 8.0 * 4f64.powi(at as i32),
        mean: *mean,
        interval: Interval {
            low: mean - 0.03,
            high: mean + 0.02,
        },
        fill: if leads { Fill::Full } else { Fill::Hollow },
    };
    Line {
        label: label.to_owned(),
        look: look::of_arms(&[label], &[])[0],
        leads,
        points: means.iter().enumerate().map(point).collect(),
    }
}

fn areas(picture: &Picture) -> usize {
    let is = |shape: &&Shape| matches!(shape, Shape::Area { .. });
    picture.shapes.iter().filter(is).count()
}

#[test]
fn leading_lines_have_bands_and_the_others_are_named_below() {
    let lines = [
        line("lime", &[0.5, 0.6, 0.8], true),
        line("oak", &[0.55, 0.6, 0.65], true),
        line("ash", &[0.3, 0.3, 0.3], false),
        line("elm", &[0.9], true),
    ];
    let crossing = Crossing {
        labels: 32.0,
        accuracy: 0.6,
        said: "lime overtakes oak at 32.".to_owned(),
    };
    let picture = together("t", "", &lines, &[crossing]).unwrap();
    assert_eq!(areas(&picture), 2, "a single point has no line and no band");
    let texts: Vec<&str> = picture
        .shapes
        .iter()
        .filter_map(|shape| match shape {
            Shape::Text(label) => Some(label.text.as_str()),
            _ => None,
        })
        .collect();
    assert!(
        texts.contains(&"Grey, behind at every point: ash."),
        "{texts:?}"
    );
    assert!(texts.contains(&"lime overtakes oak at 32."));
    assert!(
        picture
            .description
            .contains("oak 55.0 at 8, 60.0 at 32, 65.0 at 128")
    );
    assert_eq!(together("t", "", &lines[3..], &[]), None);
}

#[test]
fn each_line_has_a_panel_and_several_tasks_share_a_key() {
    let lines = [
        line("lime", &[0.5, 0.6], true),
        line("oak", &[0.55, 0.6], false),
    ];
    assert_eq!(areas(&apart("t", "", &lines).unwrap()), 2);
    let families = [
        ("m on a".to_owned(), lines.to_vec()),
        ("m on b".to_owned(), lines[..1].to_vec()),
    ];
    let picture = of_all("t", "", &families).unwrap();
    assert_eq!(areas(&picture), 2);
    assert_eq!(of_all("t", "", &families[..1]), None);
}

#[test]
fn labels_rise_to_the_right_and_accuracy_upwards() {
    let lines = [line("lime", &[0.5, 0.6, 0.8], true)];
    let picture = together("t", "", &lines, &[]).unwrap();
    let drawn = picture.shapes.iter().find_map(|shape| match shape {
        Shape::Line { points, width, .. } if *width == 2.0 => Some(points.clone()),
        _ => None,
    });
    let points = drawn.unwrap();
    assert!(
        points
            .windows(2)
            .all(|p| p[0].0 < p[1].0 && p[0].1 > p[1].1)
    );
    // Equal factors are equally far apart.
    let steps = [points[1].0 - points[0].0, points[2].0 - points[1].0];
    assert!((steps[0] - steps[1]).abs() < 1e-6, "{steps:?}");
}
