//! The preview as a table, and the sentences under it.

use super::{Line, Preview};
use crate::terminal::{self, say};
use report::units;

impl Line {
    fn cells(&self, columns: &[Column], machine: Option<u64>) -> Vec<String> {
        columns
            .iter()
            .map(|column| (column.cell)(self, machine))
            .collect()
    }
}

/// A column of the table.
struct Column {
    name: &'static str,
    cell: fn(&Line, Option<u64>) -> String,
}

fn known<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(String::new, text)
}

const METHOD: Column = Column {
    name: "method",
    cell: |line, _| match line.variant.as_str() {
        "" => line.method.clone(),
        variant => format!("{} {variant}", line.method),
    },
};
const MODEL: Column = Column {
    name: "model",
    cell: |line, _| line.model.clone(),
};
const TASK: Column = Column {
    name: "task",
    cell: |line, _| line.task.clone(),
};
const DEVICE: Column = Column {
    name: "device",
    cell: |line, _| line.device.clone(),
};
const EXAMPLES: Column = Column {
    name: "training examples",
    cell: |line, _| line.train_limit.map_or("all".to_owned(), |n| n.to_string()),
};
const TRIALS: Column = Column {
    name: "trials",
    cell: |line, _| match line.search_trainings {
        0 => line.trials.to_string(),
        n => format!("{} + search of {n}", line.trials),
    },
};
const MEMORY: Column = Column {
    name: "peak memory",
    cell: |line, machine| {
        let too_much = |bytes: u64| machine.is_some_and(|machine| bytes > machine);
        known(line.predicted_peak_bytes, |bytes| {
            let mark = if too_much(bytes) {
                ", more than there is"
            } else {
                ""
            };
            format!("{}{mark}", units::bytes(bytes as f64))
        })
    },
};
const TRIAL_TIME: Column = Column {
    name: "a trial",
    cell: |line, _| {
        let mark = if line.is_measured { ", measured" } else { "" };
        known(line.trial_seconds, |seconds| {
            format!("{}{mark}", units::seconds(seconds))
        })
    },
};
const ALL_TIME: Column = Column {
    name: "to run",
    cell: |line, _| match &line.fails {
        Some(reason) => format!("fails: {reason}"),
        None => known(line.seconds_to_run, units::seconds),
    },
};

impl Preview {
    pub(super) fn print(&self) {
        let several = |part: fn(&Line) -> &String| {
            let first = self.lines.first().map(part);
            self.lines.iter().any(|line| Some(part(line)) != first)
        };
        let limits = || self.lines.iter().map(|line| line.train_limit);
        let several_limits = limits().any(|limit| Some(limit) != limits().next());
        let mut columns = vec![METHOD];
        for (is_shown, column) in [
            (several(|line| &line.model), MODEL),
            (several(|line| &line.task), TASK),
            (several(|line| &line.device), DEVICE),
            (several_limits, EXAMPLES),
        ] {
            if is_shown {
                columns.push(column);
            }
        }
        columns.extend([TRIALS, MEMORY, TRIAL_TIME, ALL_TIME]);
        let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
        let rows: Vec<Vec<String>> = self
            .lines
            .iter()
            .map(|line| line.cells(&columns, self.machine_bytes))
            .collect();
        say(terminal::table(&names, &rows, terminal::width()).trim_end());
        for sentence in self.sentences() {
            say(format!(
                "\n{}",
                terminal::wrapped(&sentence, terminal::width(), "")
            ));
        }
    }

    fn sentences(&self) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(machine) = self.machine_bytes {
            let machine = units::bytes(machine as f64);
            said.push(format!(
                "Peak memory is the most that a trial's process will have resident while it trains, predicted; this machine has {machine}. \
                 Empty where a method does not tell what it holds, or holds it on a device."
            ));
        }
        let too_large: Vec<String> = self
            .lines
            .iter()
            .filter(|line| {
                line.predicted_peak_bytes
                    .zip(self.machine_bytes)
                    .is_some_and(|(bytes, machine)| bytes > machine)
            })
            .map(|line| (METHOD.cell)(line, None))
            .collect();
        if !too_large.is_empty() {
            said.push(format!(
                "warning: {} will not fit into this machine's memory; a smaller --set budget.micro_batch holds fewer activations at once and \
                 trains the same.",
                too_large.join(", ")
            ));
        }
        let unknown: usize = self
            .lines
            .iter()
            .filter(|line| line.seconds_to_run.is_none())
            .map(|line| line.trials - line.on_record)
            .sum();
        let all = known(self.seconds_to_run, |seconds| {
            format!("About {} in all", units::seconds(seconds))
        });
        if !all.is_empty() {
            let without = match unknown {
                0 => String::new(),
                n => format!(", without {n} trials whose time is not told beforehand"),
            };
            let error = 100.0 * measure::time_model::TYPICAL_ERROR;
            said.push(format!(
                "{all}{without}. Times are estimates, from the operations of each method and the rate at which this machine just ran the model \
                 forwards: on the committed runs, half of the trainings are within {error:.0} % of theirs; a busy machine is slower."
            ));
        }
        let kept = self.trials - self.to_run;
        let on_record = match kept {
            0 => String::new(),
            n => format!(" ({n} of {} are on record there)", self.trials),
        };
        said.push(format!(
            "Nothing ran and nothing was written. Without --dry-run, {} trials run{on_record} and their results go to {}: trials.csv, curves.csv, \
             summary.csv, differences.csv, charts, report.html, and trials/<id>/record.json for each.",
            self.to_run, self.directory
        ));
        said
    }
}
