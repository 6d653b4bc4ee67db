//! Label curves in words and tables: on the terminal, in `summary.md` and on the page.

use super::{ArmCurve, LabelCurves, sentences};
use crate::escape::{html, markdown};
use crate::page::Figure;
use crate::standing::{grouped, word};
use crate::units;

/// What the table of a label curve means.
const LEGEND: &str = "Accuracy in per cent by training examples, mean over seeds and test examples, with the place among the methods of that \
column: best, as good, open; without a word it is behind, or not compared.";

/// What the crossings and forecasts rest on.
const METHOD: &str = "Crossings: the difference of two methods, rising or falling throughout, as a line between points on the logarithm of labels; 95 % intervals \
over seeds and test examples, each alone. The next doubling: a power law of the error through the last three points.";

/// Rows of the table: names of the columns, then a line for each way of adapting.
fn rows(curves: &LabelCurves) -> Vec<Vec<String>> {
    let head =
        std::iter::once("method".to_owned()).chain(curves.points.iter().map(|n| grouped(*n)));
    let line = |arm: &ArmCurve| {
        let cell = |labels: &u64| {
            let point = arm.points.iter().find(|point| point.labels == *labels);
            point.map_or(String::new(), |point| {
                let place = match word(point.standing) {
                    "behind" => "",
                    place => place,
                };
                format!("{} {place}", units::percent(point.accuracy.mean))
                    .trim_end()
                    .to_owned()
            })
        };
        let cells = curves.points.iter().map(cell);
        std::iter::once(arm.label.clone()).chain(cells).collect()
    };
    std::iter::once(head.collect())
        .chain(curves.arms.iter().map(line))
        .collect()
}

/// The table and sentences for a terminal of `width` columns.
pub(crate) fn terminal(curves: &LabelCurves, width: usize) -> String {
    let mut text = format!("{}, accuracy % by training examples\n\n", curves.title);
    text += &aligned(&rows(curves), width);
    text += "\n";
    for sentence in sentences(curves) {
        text += &format!("{sentence}\n");
    }
    text + "\n"
}

/// The table under its title, for a README.
pub(crate) fn readme(curves: &LabelCurves) -> String {
    let title = markdown(&curves.title);
    format!(
        "**{title}**, accuracy % by training examples\n\n{}",
        table_md(curves)
    )
}

fn table_md(curves: &LabelCurves) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| markdown(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rows = rows(curves);
    let rule = format!("|---|{}\n", "---:|".repeat(curves.points.len()));
    let body = rows[1..].iter().map(|row| line(row));
    line(&rows[0]) + &rule + &body.collect::<String>()
}

/// The section of `summary.md`.
pub(crate) fn summary_md(curves: &LabelCurves) -> String {
    let title = markdown(&curves.title);
    let mut text = format!("## Labels: {title}\n\n{LEGEND}\n\n{}\n", table_md(curves));
    for sentence in sentences(curves) {
        text += &format!("- {}\n", markdown(&sentence));
    }
    text + &format!(
        "\n{METHOD} `crossings.csv` has every two methods, `label_curves.csv` every point.\n\n"
    )
}

/// The section of the page, with its charts.
pub(crate) fn page_section(curves: &LabelCurves, figures: &[&Figure]) -> String {
    let cells = |row: &[String], tag: &str| {
        let cells = row.iter().enumerate().map(|(at, cell)| {
            let class = if at > 0 { " class=\"n\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", html(cell))
        });
        cells.collect::<String>()
    };
    let rows = rows(curves);
    let body = rows[1..]
        .iter()
        .map(|row| format!("<tr>{}</tr>\n", cells(row, "td")));
    let figures = figures.iter().map(|figure| {
        let Figure { name, svg } = figure;
        format!("<figure id=\"{}\">\n{svg}</figure>\n", html(name))
    });
    let said = sentences(curves);
    let said = said
        .iter()
        .map(|sentence| format!("<li>{}</li>\n", html(sentence)));
    format!(
        "<h2>How many labels: {}</h2>\n<ul class=\"labels\">\n{}</ul>\n{}<div class=\"scroll\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n\
         </table></div>\n<p class=\"legend\">{}</p>\n<p class=\"legend\">{}</p>\n",
        html(&curves.title),
        said.collect::<String>(),
        figures.collect::<String>(),
        cells(&rows[0], "th"),
        body.collect::<String>(),
        html(LEGEND),
        html(METHOD)
    )
}

/// Rows as aligned lines with a rule below the first; columns that do not fit `width` follow in further blocks under the first column.
fn aligned(rows: &[Vec<String>], width: usize) -> String {
    let columns = rows[0].len();
    let wide = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(wide).collect();
    let mut text = String::new();
    let mut from = 1;
    while from < columns {
        let mut to = from + 1;
        let mut used = widths[0] + 2 + widths[from];
        while to < columns && used.saturating_add(2 + widths[to]) <= width {
            used += 2 + widths[to];
            to += 1;
        }
        if from > 1 {
            text.push('\n');
        }
        let shown: Vec<usize> = std::iter::once(0).chain(from..to).collect();
        for (at, row) in rows.iter().enumerate() {
            let cells: Vec<String> = shown.iter().map(|c| pad(&row[*c], widths[*c])).collect();
            text += &format!("{}\n", cells.join("  ").trim_end());
            if at == 0 {
                let rule: Vec<String> = shown.iter().map(|c| "─".repeat(widths[*c])).collect();
                text += &format!("{}\n", rule.join("  "));
            }
        }
        from = to;
    }
    text
}

fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width - text.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_do_not_fit_follow_below() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["method", "8", "16", "32"]),
            row(["lime", "51.0 best", "60.1", "70.2"]),
        ];
        assert_eq!(
            aligned(&rows, 23),
            "method  8          16\n──────  ─────────  ────\nlime    51.0 best  60.1\n\nmethod  32\n──────  ────\nlime    70.2\n"
        );
        assert_eq!(aligned(&rows, usize::MAX).lines().count(), 3);
    }
}
