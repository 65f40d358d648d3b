#!/usr/bin/env python3
"""Writes deploy/sample/dcgm_sample.csv: made-up telemetry in the format of the DCGM exporter's CSV export.

8 hosts x 8 GPUs x 10 metrics x 3 ticks. Every run writes the same bytes, on any Python 3: the numbers come from an
integer generator of our own, and values are integers in thousandths until they are printed.

    scripts/make-sample.py [FILE]
"""
import pathlib
import sys

HOSTS, GPUS, TICKS, TICK_SECONDS = 8, 8, 3, 5
START = 20 * 3600 + 42 * 60 + 34  # 2025-07-18T20:42:34Z
HEADER = "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw"
METRICS = ["GPU_UTIL", "MEM_COPY_UTIL", "POWER_USAGE", "GPU_TEMP", "FB_USED", "FB_FREE", "DEC_UTIL", "ENC_UTIL",
           "SM_CLOCK", "MEM_CLOCK"]
# name, framebuffer MiB, idle and full power in W, highest SM clock, memory clock in MHz
H100 = ("NVIDIA H100 80GB HBM3", 81559, 70, 700, 1980, 2619)
A100 = ("NVIDIA A100-SXM4-80GB", 81920, 60, 400, 1410, 1593)
# container, pod (a number for its host is added), namespace, usual utilisation and share of the framebuffer in per cent
IDLE = ("", "", "", 0, 0)
TRAINING = ("trainer", "llm", "research", 97, 91)
SERVING = ("triton", "infer", "serving", 38, 62)
NOTEBOOK = ("notebook", "lab", "research", 6, 14)
state = 2025


def following():
    """SplitMix64."""
    global state
    mask = (1 << 64) - 1
    state = (state + 0x9E3779B97F4A7C15) & mask
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def between(low, high):
    return low + following() % (high - low + 1)


def fleet():
    for host in range(HOSTS):
        for index in range(GPUS):
            # One job trains on two whole hosts; the others are shared.
            mixed = [IDLE, IDLE, IDLE, SERVING, SERVING, SERVING, NOTEBOOK, TRAINING][between(0, 7)]
            container, pod, *rest = TRAINING if host < 2 else mixed
            digits = f"{following():016x}{following():016x}"
            uuid = "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            job = (container, f"{pod}-{host}" if pod else "", *rest)
            yield f"dgx-{host + 1:02d}", index, uuid, A100 if host >= 6 else H100, job


def values(model, job):
    """One reading of all metrics of one GPU."""
    _, framebuffer, idle, full, sm_clock, memory_clock = model
    container, _, _, usual, share = job
    busy = max(0, min(100, usual + between(-4, 3))) if usual else 0
    copy = busy * between(35, 60) // 100
    power = (idle + (full - idle) * busy // 110) * 1000 + between(0, 4999)
    heat = 27 + busy * 40 // 100 + between(-2, 2)
    used = framebuffer * share // 100 + between(0, 40) * (1 if share else 0) + 4
    decoder = between(0, 9) if container == "triton" else 0
    clock = sm_clock - between(0, 6) * 15 if busy > 10 else (345 if busy == 0 else 1200)
    watts = f"{power // 1000}.{power % 1000:03d}".rstrip("0").rstrip(".")
    return [busy, copy, watts, heat, used, framebuffer - used, decoder, 0, clock, memory_clock]


def row(seconds, metric, gpu, value):
    host, index, uuid, model, (container, pod, namespace, *_) = gpu
    # A real export repeats the other columns here; left out, more ticks fit a small file.
    raw = f'DCGM_FI_DRIVER_VERSION="535.129.03",gpu="{index}",instance="{host}:9400",job="dcgm"'
    time = f"2025-07-18T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"
    fields = [time, "DCGM_FI_DEV_" + metric, index, f"nvidia{index}", uuid, model[0], host, container, pod, namespace,
              value, raw]
    return ",".join('"' + str(field).replace('"', '""') + '"' for field in fields)


default = pathlib.Path(__file__).parents[1] / "deploy/sample/dcgm_sample.csv"
path = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else default)
gpus, lines = list(fleet()), [HEADER]
for tick in range(TICKS):
    readings = [values(*gpu[3:]) for gpu in gpus]
    for number, metric in enumerate(METRICS):
        # As in a real export, the metrics of one tick are read one after the other.
        seconds = START + tick * TICK_SECONDS + number // 4
        lines += [row(seconds, metric, gpu, reading[number]) for gpu, reading in zip(gpus, readings)]
path.write_bytes(("\n".join(lines) + "\n").encode())
print(f"{path}: {len(lines) - 1} rows, {path.stat().st_size} bytes")
