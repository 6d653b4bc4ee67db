//! `report.html`: tables, charts and the run's circumstances on one page that needs nothing else.

use crate::escape::html as escape;
use crate::recommend::{self, Question};
use crate::run::{Group, Run};
use crate::statistics::Standing;
use crate::summary::GroupSummary;
use crate::{break_even, calibration, forgetting, large, money, search, standing, text, units};

/// A chart's SVG and its caption.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) svg: String,
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;color:#222;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1,h2,h3{line-height:1.25}h2{margin-top:3rem;border-bottom:1px solid #ddd}\
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .6rem;text-align:left;border-bottom:1px solid #e4e4e4}th{font-weight:600}\
td,th{white-space:nowrap}.n{text-align:right}tr.top td{font-weight:600}.scroll{overflow-x:auto}\
figure{margin:2rem 0;overflow-x:auto}figure svg{width:100%;min-width:44rem;height:auto}small,.legend{color:#555;font-size:.85rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;font-size:.9rem}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;background:#f6f6f6;padding:.7rem}";

/// Headings of the table of comparisons.
const EVIDENCE: [&str; 6] = [
    "method",
    "best of the others",
    "difference, points [95 %]",
    "p, adjusted",
    "beats it, % [95 %]",
    "would settle it",
];

/// What they mean.
const EVIDENCE_LEGEND: &str = "p: probability of lying this far below some other method if all were equal. Beats it: probability of a higher \
accuracy than the best of the others on a new seed and a new draw of as many test examples. Would settle it: seeds or test examples in all, the other \
as it is, with which an open comparison is settled in 80 of 100 such experiments.";

/// The page. `figures` holds the charts of each group that is shown in full, in the order of `groups`; `labels` are the sections of label curves.
pub(crate) fn html(
    run: &Run,
    groups: &[GroupSummary],
    figures: &[Option<Vec<Figure>>],
    labels: &str,
) -> String {
    let title = title(groups);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        escape(&title)
    );
    page += &format!("<p>{}</p>\n", escape(&headline(run)));
    let shown: Vec<bool> = figures.iter().map(Option::is_some).collect();
    let where_else = format!("The others have advice and table; {}.", large::SHOW_MORE);
    if let Some(word) = large::word(&shown, &where_else) {
        page += &format!("<p>{}</p>\n", escape(&word));
    }
    page += labels;
    let advice = recommend::recommend_from(run, groups, &Question::default());
    for (((group, figures), trials), advice) in
        groups.iter().zip(figures).zip(run.groups()).zip(&advice)
    {
        page += &format!(
            "<h2>{}</h2>\n<p>{}.</p>\n{}{}",
            escape(&group.title),
            escape(&text::intro(group)),
            advised(advice),
            table(group)
        );
        page += &notes(group);
        let Some(figures) = figures else { continue };
        page += &evidence(group);
        page += &text::legend(groups)
            .map(|line| format!("<p class=\"legend\">{}</p>\n", escape(&line)))
            .concat();
        for figure in figures {
            page += &format!(
                "<figure id=\"{}\">\n{}</figure>\n",
                escape(&figure.name),
                figure.svg
            );
        }
        page += &searches(&trials);
        page += &break_evens(group);
        page += &calibrations(group);
        page += &forgotten(group);
    }
    page += &failures(run);
    page += &methods(run);
    page += &circumstances(run);
    page + "</body>\n</html>\n"
}

/// The groups by their titles, as far as anybody reads on.
fn title(groups: &[GroupSummary]) -> String {
    const MOST: usize = 12;
    // The points of a label curve have one title.
    let mut titles: Vec<&str> = groups.iter().map(|g| g.family.as_str()).collect();
    titles.dedup();
    let more = titles.len().saturating_sub(MOST);
    titles.truncate(MOST);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("Ways of adapting {}{more}", titles.join(", "))
}

fn headline(run: &Run) -> String {
    let finished = run
        .trials
        .iter()
        .filter(|trial| trial.record.outcome == record::Outcome::Finished)
        .count();
    format!(
        "{finished} of {} trials finished. Started {}.",
        run.trials.len(),
        run.info.started_at
    )
}

/// What to choose, before the numbers it rests on.
fn advised(advice: &recommend::Advice) -> String {
    let paragraph = |line: &String| match line.strip_prefix(recommend::ITEM) {
        Some(item) => format!("<li>{}</li>\n", escape(item)),
        None => format!("<p>{}</p>\n", escape(line)),
    };
    let lines: String = recommend::advice_lines(advice)
        .iter()
        .map(paragraph)
        .collect();
    let lines = lines
        .replace("</p>\n<li>", "</p>\n<ul>\n<li>")
        .replace("</li>\n<p>", "</li>\n</ul>\n<p>");
    let end = if lines.ends_with("</li>\n") {
        "</ul>\n"
    } else {
        ""
    };
    format!("<section class=\"advice\">\n<h3>Advice</h3>\n{lines}{end}</section>\n")
}

fn table(group: &GroupSummary) -> String {
    let class = |column: usize| if column < 3 { "" } else { " class=\"n\"" };
    let head: String = text::HEADINGS
        .iter()
        .enumerate()
        .map(|(i, h)| format!("<th{}>{}</th>", class(i), escape(h)))
        .collect();
    let row = |arm: &crate::ArmSummary| {
        let cells: String = text::cells(arm, group.margin)
            .iter()
            .enumerate()
            .map(|(i, c)| format!("<td{}>{}</td>", class(i), escape(c)))
            .collect();
        let top = if matches!(arm.standing, Standing::Best | Standing::AsGood) {
            " class=\"top\""
        } else {
            ""
        };
        format!("<tr{top}>{cells}</tr>\n")
    };
    let rows: String = group.arms.iter().map(row).collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// The comparisons behind the words, empty where nothing is compared.
fn evidence(group: &GroupSummary) -> String {
    let compared = group
        .arms
        .iter()
        .filter_map(|arm| Some((arm, arm.against?)));
    let row = |(arm, against): (&crate::ArmSummary, crate::AgainstBest)| {
        let improvement = against.pair.improvement();
        let cells = [
            arm.label.clone(),
            group.arms[against.rival].label.clone(),
            standing::difference(&against),
            format!("{:.4}", against.p_adjusted),
            improvement
                .map(|p| standing::improvement(&p))
                .unwrap_or_default(),
            standing::to_settle(arm, group).unwrap_or_default(),
        ];
        let cells: String = cells
            .iter()
            .map(|c| format!("<td>{}</td>", escape(c)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = compared.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = EVIDENCE.map(|h| format!("<th>{}</th>", escape(h))).concat();
    format!(
        "<details><summary>The comparisons in figures</summary>\n<p class=\"legend\">{}</p>\n<div class=\"scroll\"><table>\n\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div></details>\n",
        escape(EVIDENCE_LEGEND)
    )
}

/// The group's notes as a list, empty where there are none.
fn notes(group: &GroupSummary) -> String {
    if group.notes.is_empty() {
        return String::new();
    }
    let items = group.notes.iter();
    let items: String = items
        .map(|note| format!("<li>{}.</li>\n", escape(note)))
        .collect();
    format!("<ul class=\"notes\">\n{items}</ul>\n")
}

/// The table of the group's searches, empty where nothing was searched.
fn searches(group: &Group<'_>) -> String {
    let rows = search::rows(group);
    titled("Search", &search::legend(group), search::HEADINGS, &rows)
}

/// The table of what probabilities are worth, empty where no arm has any.
fn calibrations(group: &GroupSummary) -> String {
    let rows = calibration::rows(group);
    titled(
        calibration::TITLE,
        calibration::LEGEND,
        calibration::HEADINGS,
        &rows,
    )
}

/// The table of what was forgotten, empty where no language head was asked.
fn forgotten(group: &GroupSummary) -> String {
    let rows = forgetting::rows(group);
    titled(
        forgetting::TITLE,
        forgetting::LEGEND,
        forgetting::HEADINGS,
        &rows,
    )
}

/// The table of the predictions after which one arm has cost less than another, empty where no two lines cross.
fn break_evens(group: &GroupSummary) -> String {
    let Some(found) = break_even::break_even(group) else {
        return String::new();
    };
    let rows = break_even::rows(group, &found);
    let legend = break_even::legend(found.source);
    titled("Break-even", &legend, break_even::HEADINGS, &rows) + &train_or_call(group)
}

/// What served models cost, and where training has paid off in money; empty where nothing is served.
fn train_or_call(group: &GroupSummary) -> String {
    let served = titled(
        "Served models",
        money::LEGEND,
        money::HEADINGS,
        &money::rows(group),
    );
    let Some(found) = money::break_even_in_money(group, money::USD_PER_HOUR) else {
        return served;
    };
    let rows = break_even::rows(group, &found);
    let legend = money::break_even_legend();
    served + &titled("Break-even in money", &legend, break_even::HEADINGS, &rows)
}

/// A table under its title, empty without rows.
fn titled<const N: usize>(
    title: &str,
    legend: &str,
    headings: [&str; N],
    rows: &[[String; N]],
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = headings.map(|h| format!("<th>{}</th>", escape(h))).concat();
    let row = |cells: &[String; N]| {
        let cells: String = cells
            .iter()
            .map(|c| format!("<td>{}</td>", escape(c)))
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    format!(
        "<h3>{title}</h3>\n<p class=\"legend\">{}</p>\n<div class=\"scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        escape(legend),
        rows.iter().map(row).collect::<String>()
    )
}

fn failures(run: &Run) -> String {
    let failures = large::first_failures(text::failures(run));
    if failures.is_empty() {
        return String::new();
    }
    let items: String = failures
        .iter()
        .map(|f| format!("<li>{}</li>\n", escape(f)))
        .collect();
    format!("<h2>Trials that did not finish</h2>\n<ul>\n{items}</ul>\n")
}

fn methods(run: &Run) -> String {
    if run.info.methods.is_empty() {
        return String::new();
    }
    let item = |note: &record::MethodNote| {
        let paper = note
            .paper
            .as_ref()
            .map(|p| format!(" <small>{}</small>", escape(p)))
            .unwrap_or_default();
        format!(
            "<dt>{}</dt><dd>{}{paper}</dd>\n",
            escape(&note.name),
            escape(&note.definition)
        )
    };
    format!(
        "<h2>Methods</h2>\n<dl>\n{}</dl>\n",
        run.info.methods.iter().map(item).collect::<String>()
    )
}

fn circumstances(run: &Run) -> String {
    let info = &run.info;
    let digests = |of: &std::collections::BTreeMap<String, String>| {
        (!of.is_empty()).then(|| {
            of.iter()
                .map(|(name, digest)| format!("{name}: {digest}"))
                .collect::<Vec<_>>()
                .join("; ")
        })
    };
    let revision = info.git_revision.as_ref().map(|r| match info.git_dirty {
        Some(true) => format!("{r}, with changes"),
        _ => r.clone(),
    });
    let rows = [
        ("Command", Some(info.command_line.join(" "))),
        ("Processor", info.cpu.clone()),
        ("Cores", info.cores.map(|c| c.to_string())),
        ("Memory", info.ram_bytes.map(|b| units::bytes(b as f64))),
        ("Graphics", info.gpu.clone()),
        ("Driver", info.driver.clone()),
        ("System", info.os.clone()),
        ("Sources", revision),
        ("Compiler", info.rustc.clone()),
        ("burn", Some(info.burn_version.clone())),
        ("Profile", Some(info.profile.clone())),
        ("Features", Some(info.features.join(", "))),
        ("Cargo.lock", info.cargo_lock_digest.clone()),
        ("Models", digests(&info.model_digests)),
        ("Tasks", digests(&info.task_digests)),
    ];
    let known = rows
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)));
    let list: String = known
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&value)))
        .collect();
    let plan = serde_json::to_string_pretty(&info.plan).unwrap_or_default();
    format!(
        "<h2>Circumstances</h2>\n<dl>\n{list}</dl>\n<details><summary>Plan</summary><pre>{}</pre></details>\n",
        escape(&plan)
    )
}
