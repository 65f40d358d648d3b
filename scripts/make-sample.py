#!/usr/bin/env python3
"""Writes deploy/sample/dcgm_sample.csv: made-up telemetry in the format of the DCGM exporter's CSV export.

8 hosts x 8 GPUs x 10 metrics x 3 ticks. Every run writes the same bytes, on any Python 3: the numbers come from an
integer generator of our own, and values are integers in thousandths until they are printed.

    scripts/make-sample.py [FILE]
"""
import csv
import datetime
import pathlib
import sys

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


def gpu(host, index):
    """Its columns from `gpu_id` to `namespace`, its model, and its job."""
    # One job trains on two whole hosts; the others are shared.
    mixed = [IDLE, IDLE, IDLE, SERVING, SERVING, SERVING, NOTEBOOK, TRAINING][between(0, 7)]
    container, pod, namespace, *_ = job = TRAINING if host < 2 else mixed
    digits, model = f"{following():016x}{following():016x}", A100 if host >= 6 else H100
    uuid = "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    pod = pod and f"{pod}-{host}"
    return [index, f"nvidia{index}", uuid, model[0], f"dgx-{host + 1:02d}", container, pod, namespace], model, job


def values(_, model, job):
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


path = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "deploy/sample/dcgm_sample.csv"
gpus = [gpu(host, index) for host in range(8) for index in range(8)]
with open(path, "w", newline="") as file:
    file.write(HEADER + "\n")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for tick in range(3):
        readings = [values(*each) for each in gpus]
        for number, metric in enumerate(METRICS):
            # As in a real export, the metrics of one tick are read one after the other.
            time = datetime.datetime(2025, 7, 18, 20, 42, 34) + datetime.timedelta(seconds=tick * 5 + number // 4)
            for (columns, *_), reading in zip(gpus, readings):
                # A real export repeats the other columns here; left out, more ticks fit a small file.
                raw = f'DCGM_FI_DRIVER_VERSION="535.129.03",gpu="{columns[0]}",instance="{columns[4]}:9400",job="dcgm"'
                writer.writerow([f"{time.isoformat()}Z", f"DCGM_FI_DEV_{metric}", *columns, reading[number], raw])
