#!/usr/bin/env bash
# The other backends give the answers of flex: hidden states, logits, gradients and optimiser steps against transformers and PyTorch, then whole runs of every method beside flex,
# loss by loss.
#
#   scripts/check_devices.sh [DEVICE..]     default: ndarray wgpu
#
# wgpu needs a Vulkan driver; one that computes on the CPU will do: apt-get install mesa-vulkan-drivers libvulkan1 (Debian). Nothing is installed here.
# The backends are built without optimisation of their host code, which computes next to nothing: a third of the time, the same answers.
set -euo pipefail
cd "$(dirname "$0")/.."
devices=("$@")
[ $# -gt 0 ] || devices=(ndarray wgpu)

missing() { printf 'scripts/check_devices.sh: %s\n' "$*" >&2; exit 2; }

features=()
for device in "${devices[@]}"; do
    case $device in
        wgpu)
            ldconfig -p | grep -q libvulkan.so.1 || missing "wgpu needs the Vulkan loader: apt-get install libvulkan1"
            compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null || [ -n "${VK_DRIVER_FILES:-}" ] ||
                missing "wgpu needs a Vulkan driver: that of the GPU, or apt-get install mesa-vulkan-drivers for one on the CPU"
            ;;
        cuda) command -v nvidia-smi >/dev/null || missing "cuda needs an NVIDIA GPU with its driver (no nvidia-smi found)" ;;
        cpu | ndarray) ;;
        *) missing "no device \"$device\"; known: ndarray, cpu, wgpu, cuda" ;;
    esac
    features+=(--features "tests/$device")
done

# What holds tensors is built a second time for the backends' features; of that, only `kernels` computes. Named one by one, because "*" would take in what both builds share.
quick=()
for package in \
    burn burn-autodiff burn-backend burn-backend-extension burn-core burn-cubecl burn-dispatch burn-flex burn-ir burn-ndarray burn-nn burn-optim burn-std burn-tensor burn-wgpu \
    cubecl cubecl-common cubecl-core cubecl-environment cubecl-ir cubecl-opt cubecl-runtime cubecl-server cubecl-std cubecl-wgpu cubecl-zspace \
    cubek cubek-attention cubek-convolution cubek-interpolate cubek-matmul cubek-pool cubek-quant cubek-random cubek-reduce cubek-std cubek-tile \
    naga pliron wgpu wgpu-core wgpu-hal wgpu-types \
    $(cargo tree --workspace --depth 0 --prefix none --offline | awk 'NF && $1 != "kernels" { print $1 }'); do
    quick+=(--config "profile.dev.package.$package.opt-level=0")
done
check() { cargo test --workspace "${quick[@]}" "${features[@]}" "$@"; }

for device in "${devices[@]}"; do
    printf '\n== %s: the backbones against transformers and PyTorch\n' "$device"
    ADAPTBENCH_TEST_DEVICE=$device check --test it -- --nocapture forward gradients heads hooks padding past
    printf '\n== %s: every method beside flex\n' "$device"
    check --test program -- --nocapture "$device"
done
