//! What the trainings of one search share: token ids, and the states below the deepest trained computation. They depend neither on the rate
//! nor on the epochs or the seed, so that computing them anew for every candidate would only make frozen models dear to search.

use crate::FitError;
use crate::train::{Data, DataPlan};
use std::cell::RefCell;
use std::rc::Rc;

/// Prepared data that is handed on from training to training, on the same splits and with the same pretrained weights. It holds what
/// was used last: a training with another plan (deeper, longer texts) replaces it.
#[derive(Default)]
pub struct Shared(RefCell<Option<(DataPlan, Rc<Data>)>>);

impl Shared {
    /// What was kept for this plan, or what `compute` gives, which is kept then.
    pub(crate) fn get_or_compute(
        &self,
        plan: DataPlan,
        compute: impl FnOnce() -> Result<Data, FitError>,
    ) -> Result<Rc<Data>, FitError> {
        if let Some((kept, data)) = &*self.0.borrow()
            && *kept == plan
        {
            return Ok(data.clone());
        }
        self.0.take(); // Two caches at once would double the peak of memory.
        let data = Rc::new(compute()?);
        self.0.replace(Some((plan, data.clone())));
        Ok(data)
    }
}
