//! `trials.csv` and `curves.csv`, made from records. A number that was not measured is an empty cell.

use crate::{CURVES_HEADER, CurvePoint, TRIALS_HEADER, TrialRecord};

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
    for row in rows {
        table
            .write_record(&row)
            .expect("rows are as long as their header");
    }
    table.into_inner().expect("writing to memory")
}
