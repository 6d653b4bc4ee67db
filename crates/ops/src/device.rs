//! Devices by the names that the command line and the tests give them. Each backend beside flex is a cargo feature of this crate; the program has features of
//! the same names that lead here.

use burn::backend::DispatchDevice;
use burn::tensor::{Device, Tensor};
use kernels::gemm::{Precision, has_bf16, set_precision};
use std::any::Any;
use std::panic::catch_unwind;
use thiserror::Error;

/// A device that cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such name.
    #[error("no device \"{name}\"; known: {}", DEVICES.map(|device| device.name).join(", "))]
    Unknown {
        /// As it was given.
        name: String,
    },
    /// This build lacks the backend.
    #[error(
        "the device \"{name}\" is not compiled in; it is the cargo feature of that name: build with --features {name}"
    )]
    NotCompiled {
        /// Device and feature.
        name: String,
    },
    /// This processor lacks the instructions.
    #[error(
        "the device \"flex-bf16\" wants AVX-512 BF16, which this processor does not have; \"flex\" computes in f32"
    )]
    NoBf16,
    /// The backend finds none, or fails at the first sum.
    #[error("the device \"{name}\" is not there or does not work: {reason}")]
    Broken {
        /// The device.
        name: String,
        /// What its backend says.
        reason: String,
    },
}

/// Opens a device and computes one sum on it, so that one that is not there is found out here and not in the middle of the work.
///
/// # Errors
/// A name that is not known, a backend or instructions that are missing, a device that does not answer.
pub fn open_device(name: &str) -> Result<Device, DeviceError> {
    let owned = || name.to_owned();
    if !DEVICES.iter().any(|device| device.name == name) {
        return Err(DeviceError::Unknown { name: owned() });
    }
    if name == FLEX_BF16 && !has_bf16() {
        return Err(DeviceError::NoBf16);
    }
    let opened = catch_unwind(|| {
        let device = device(name)?;
        let sum: f32 = Tensor::<1>::from_data([1.0f32, 2.5], &device)
            .sum()
            .into_scalar();
        Some((device, sum))
    });
    match opened {
        Ok(Some((device, 3.5))) => Ok(device),
        Ok(Some((_, sum))) => Err(DeviceError::Broken {
            name: owned(),
            reason: format!("1 + 2.5 is {sum} there"),
        }),
        Ok(None) => Err(DeviceError::NotCompiled { name: owned() }),
        Err(panic) => Err(DeviceError::Broken {
            name: owned(),
            reason: panic_text(&*panic),
        }),
    }
}

/// What a panic said.
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// A device by the name that `--device` knows.
#[derive(Clone, Copy, Debug)]
pub struct DeviceInfo {
    /// Its name; that of the cargo feature too, but for `flex` and `flex-bf16`, which are always there.
    pub name: &'static str,
    /// What computes, in one line.
    pub definition: &'static str,
    /// Absent where this build lacks the feature.
    open: Option<fn() -> Device>,
}

impl DeviceInfo {
    /// Whether this build has it.
    pub fn is_compiled(&self) -> bool {
        self.open.is_some()
    }
}

/// Every device, the default first.
pub const DEVICES: [DeviceInfo; 6] = [
    DeviceInfo {
        name: "flex",
        definition: "CPU, burn-flex with this program's fused kernels",
        open: Some(|| flex(Precision::F32)),
    },
    DeviceInfo {
        name: FLEX_BF16,
        definition: "as flex, the operands of matrix products rounded to bfloat16, sums in f32; where the processor has AVX-512 BF16",
        open: Some(|| flex(Precision::Bf16)),
    },
    DeviceInfo {
        name: "ndarray",
        definition: "CPU, burn-ndarray",
        open: NDARRAY,
    },
    DeviceInfo {
        name: "cpu",
        definition: "CPU, kernels compiled by CubeCL",
        open: CPU,
    },
    DeviceInfo {
        name: "wgpu",
        definition: "GPU through Vulkan, Metal or DirectX 12",
        open: WGPU,
    },
    DeviceInfo {
        name: "cuda",
        definition: "NVIDIA GPU through CUDA",
        open: CUDA,
    },
];

/// The name of flex with products in bfloat16, which wants instructions that not every processor has.
pub const FLEX_BF16: &str = "flex-bf16";

type Open = Option<fn() -> Device>;

// Upstream retires burn-ndarray; here it stays as an independent check of the default.
#[cfg(feature = "ndarray")]
#[allow(deprecated)]
const NDARRAY: Open = Some(Device::ndarray);
#[cfg(not(feature = "ndarray"))]
const NDARRAY: Open = None;

#[cfg(feature = "cpu")]
const CPU: Open = Some(Device::cpu);
#[cfg(not(feature = "cpu"))]
const CPU: Open = None;

#[cfg(feature = "wgpu")]
const WGPU: Open = Some(|| Device::wgpu(burn::tensor::DeviceKind::DefaultDevice));
#[cfg(not(feature = "wgpu"))]
const WGPU: Open = None;

#[cfg(feature = "cuda")]
const CUDA: Open = Some(|| Device::cuda(0));
#[cfg(not(feature = "cuda"))]
const CUDA: Open = None;

/// The device called `name`, one of [`DEVICES`]; `None` where it is not compiled in or not known.
///
/// `flex-bf16` is flex with the operands of the fused operations' matrix products in bfloat16 ([`Precision::Bf16`]; tensors, sums, gradients and the
/// optimiser stay f32). That holds for the whole process, until `flex` is asked for.
///
/// # Panics
/// Where the backend finds no such device on this machine; what it says depends on the backend.
pub fn device(name: &str) -> Option<Device> {
    let known = DEVICES.iter().find(|device| device.name == name)?;
    known.open.map(|open| open())
}

fn flex(precision: Precision) -> Device {
    set_precision(precision).unwrap_or_else(|error| panic!("{error}"));
    Device::flex()
}

/// Whether the device compiles kernels while it computes, when a shape first asks for them.
pub fn compiles_kernels(device: &Device) -> bool {
    let device = device.clone().inner();
    // The last pattern is never reached where no such backend is compiled in.
    #[allow(unreachable_patterns)]
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => false,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => false,
        _ => true,
    }
}

/// The device that tests compute on: the one named by the environment variable `ADAPTBENCH_TEST_DEVICE`, or flex.
///
/// # Panics
/// Where that device is not compiled in: a test that was to check another backend must not pass on flex.
pub fn test_device() -> Device {
    let name = std::env::var("ADAPTBENCH_TEST_DEVICE").unwrap_or_else(|_| "flex".to_owned());
    device(&name).unwrap_or_else(|| {
        panic!(
            "ADAPTBENCH_TEST_DEVICE is \"{name}\", which is not compiled in: run the tests with --features {name}"
        )
    })
}
