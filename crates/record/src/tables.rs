//! `trials.csv` and `curves.csv`, made from records. A number that was not measured is an empty cell.

use crate::{CURVES_HEADER, CurvePoint, TRIALS_HEADER, TrialRecord};

/// A trial's row of `trials.csv`, to be appended to it.
pub fn trial_row(record: &TrialRecord) -> Vec<u8> {
    rows_csv(csv::Writer::from_writer(Vec::new()), [record.cells()])
}

/// A trial's rows of `curves.csv`, to be appended to it.
pub fn curve_rows(record: &TrialRecord) -> Vec<u8> {
    let points = record.curve.iter();
    let rows = points.map(|point| curve_cells(&record.trial_id, point));
    rows_csv(csv::Writer::from_writer(Vec::new()), rows)
}

/// One row a trial, columns [`TRIALS_HEADER`].
pub fn trials_csv<'a>(records: impl IntoIterator<Item = &'a TrialRecord>) -> Vec<u8> {
    table_csv(&TRIALS_HEADER, records.into_iter().map(TrialRecord::cells))
}

/// One row a point of a learning curve, columns [`CURVES_HEADER`].
pub fn curves_csv<'a>(records: impl IntoIterator<Item = &'a TrialRecord>) -> Vec<u8> {
    let rows = records.into_iter().flat_map(|record| {
        let points = record.curve.iter();
        points.map(|point| curve_cells(&record.trial_id, point))
    });
    table_csv(&CURVES_HEADER, rows)
}

fn curve_cells(trial_id: &str, point: &CurvePoint) -> Vec<String> {
    vec![
        trial_id.to_owned(),
        point.step.to_string(),
        point.epoch.to_string(),
        point.elapsed_s.to_string(),
        point.split.clone(),
        point.metric.clone(),
        point.value.to_string(),
    ]
}

/// A header and rows of the same length as CSV.
///
/// # Panics
/// On a row of another length.
pub fn table_csv<N: AsRef<[u8]>>(
    header: &[N],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(header).expect("writing to memory");
    rows_csv(table, rows)
}

fn rows_csv(
    mut table: csv::Writer<Vec<u8>>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Vec<u8> {
    for row in rows {
        table
            .write_record(&row)
            .expect("rows are as long as their header");
    }
    table.into_inner().expect("writing to memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, TrialSpec};

    #[test]
    fn rows_appended_one_by_one_are_the_table() {
        let record = |id: &str| {
            let mut record =
                TrialRecord::unmeasured(id.into(), TrialSpec::default(), Outcome::Failed);
            record.error = Some("a, \"b\"\nc".into());
            record.curve = vec![
                CurvePoint {
                    value: f64::NAN,
                    ..CurvePoint::default()
                };
                2
            ];
            record
        };
        let records = [record("x"), record("y"), record("z")];
        let appended = |first: Vec<u8>, rows: fn(&TrialRecord) -> Vec<u8>| {
            let rest = records[1..].iter().map(rows);
            rest.fold(first, |table, rows| [table, rows].concat())
        };
        assert_eq!(
            appended(trials_csv(&records[..1]), trial_row),
            trials_csv(&records)
        );
        assert_eq!(
            appended(curves_csv(&records[..1]), curve_rows),
            curves_csv(&records)
        );
    }
}
