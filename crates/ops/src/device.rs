//! Devices by the names that the command line and the tests give them. Each backend beside flex is a cargo feature of this crate; the program has features of
//! the same names that lead here.

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use kernels::gemm::{Precision, set_precision};

/// The device called `name`: `flex` (always there), `flex-bf16`, `ndarray`, `cpu`, `wgpu` or `cuda`; `None` where it is not compiled in or not known.
///
/// `flex-bf16` is flex with the operands of the fused operations' matrix products in bfloat16 ([`Precision::Bf16`]; tensors, sums, gradients and the
/// optimiser stay f32). That holds for the whole process, until `flex` is asked for.
///
/// # Panics
/// Where the backend finds no such device on this machine; what it says depends on the backend.
pub fn device(name: &str) -> Option<Device> {
    match name {
        "flex" => Some(flex(Precision::F32)),
        "flex-bf16" => Some(flex(Precision::Bf16)),
        #[cfg(feature = "ndarray")]
        // Upstream retires burn-ndarray; here it stays as an independent check of the default.
        #[allow(deprecated)]
        "ndarray" => Some(Device::ndarray()),
        #[cfg(feature = "cpu")]
        "cpu" => Some(Device::cpu()),
        #[cfg(feature = "wgpu")]
        "wgpu" => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(feature = "cuda")]
        "cuda" => Some(Device::cuda(0)),
        _ => None,
    }
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
