//! The one list of methods. Command line, tables, charts and tests derive from it; no method's name stands anywhere else.

use adapt::Method;

/// Every method, in the order of tables and charts: from no model at all to all of its weights.
pub const METHODS: &[&dyn Method] = &[
    &baseline::MAJORITY,
    &baseline::TF_IDF,
    &in_context::IN_CONTEXT,
    &hard_prompt::HARD_PROMPT,
    &feature_based::FEATURE_BASED,
    &feature_based::KNN,
    &finetune::FINETUNE_OUTPUT,
    &finetune::FINETUNE_LAST,
    &bitfit::LAYER_NORM,
    &bitfit::BITFIT,
    &soft_prompt::SOFT_PROMPT,
    &prefix_tuning::PREFIX_TUNING,
    &ia3::IA3,
    &vera::VERA,
    &lora::LORA,
    &adapter::ADAPTER,
    &finetune::FINETUNE_ALL,
];

/// The methods this process knows: [`METHODS`], or a test's own.
pub(crate) type Methods = &'static [&'static dyn Method];

/// Names in order.
pub(crate) fn names(methods: Methods) -> Vec<&'static str> {
    methods.iter().map(|method| method.info().name).collect()
}

/// The method called `name`.
///
/// # Errors
/// No such method; the nearest name is suggested.
pub(crate) fn find(methods: Methods, name: &str) -> anyhow::Result<&'static dyn Method> {
    let found = methods.iter().find(|method| method.info().name == name);
    found
        .copied()
        .ok_or_else(|| unknown("method", name, &names(methods)))
}

/// "no method "lroa" (did you mean "lora"?); known: .."
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> anyhow::Error {
    let hint = task::did_you_mean(found, known);
    anyhow::anyhow!("no {what} \"{found}\"{hint}; known: {}", known.join(", "))
}
