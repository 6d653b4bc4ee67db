//! The devices that `--device` knows, which of them this build has, and whether they answer.

use crate::registry::unknown;
use anyhow::bail;
use burn::tensor::Device;
pub(crate) use ops::DEVICES;
use ops::FLEX_BF16;

/// Names of the backends compiled in.
pub(crate) fn compiled() -> Vec<String> {
    DEVICES
        .iter()
        .filter(|device| device.is_compiled() && device.name != FLEX_BF16)
        .map(|device| device.name.to_owned())
        .collect()
}

/// Whether `name` computes on a graphics processor.
pub(crate) fn is_graphics(name: &str) -> bool {
    ["cuda", "wgpu"].contains(&name)
}

/// Whether `name` is a device that this build has, without opening it.
///
/// # Errors
/// No such device, one whose cargo feature is missing, or one that this processor lacks the instructions for.
pub(crate) fn check(name: &str) -> anyhow::Result<()> {
    match DEVICES.iter().find(|device| device.name == name) {
        None => Err(unknown("device", name, &DEVICES.map(|device| device.name))),
        Some(device) if !device.is_compiled() => bail!(
            "the device \"{name}\" is not compiled in; it is the cargo feature \"{name}\" of this program: \
             cargo run -p runner --features {name} -- .. --device {name}"
        ),
        Some(_) if name == FLEX_BF16 && !ops::has_bf16() => {
            bail!(
                "the device \"{FLEX_BF16}\" wants AVX-512 BF16, which this processor does not have; \"flex\" computes in f32"
            )
        }
        Some(_) => Ok(()),
    }
}

/// Opens a device and computes one sum on it, so that one that is not there is found out here and not within a method.
///
/// The parent of a run must never come here: a process that holds a GPU, or has started a backend's threads, distorts what its children
/// measure. Only the commands that [`allow`] devices may.
///
/// # Errors
/// As [`check`], or a device that does not answer.
///
/// # Panics
/// In a process that did not [`allow`] devices.
pub(crate) fn open(name: &str) -> anyhow::Result<Device> {
    assert!(
        ALLOWED.get().is_some(),
        "the parent process must not open a device"
    );
    check(name)?;
    Ok(ops::open_device(name)?)
}

static ALLOWED: std::sync::OnceLock<()> = std::sync::OnceLock::new();

/// Says that this process is one of those that compute.
pub(crate) fn allow() {
    let _ = ALLOWED.set(());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_is_refused_with_the_nearest_one() {
        assert!(
            check("cudda")
                .unwrap_err()
                .to_string()
                .contains("did you mean \"cuda\"?")
        );
    }

    #[test]
    fn a_device_that_is_not_compiled_in_names_its_feature() {
        for device in DEVICES.iter().filter(|device| !device.is_compiled()) {
            let error = check(device.name).unwrap_err().to_string();
            assert!(
                error.contains(&format!("--features {}", device.name)),
                "{error}"
            );
        }
    }

    #[test]
    #[should_panic(expected = "the parent process must not open a device")]
    fn a_process_that_does_not_compute_cannot_open_a_device() {
        let _ = open("flex");
    }
}
