#!/usr/bin/env python3
"""Writes deploy/sample/dcgm_sample.csv: made-up telemetry in the format of the DCGM exporter's CSV export.

8 hosts x 8 GPUs x 10 metrics x 3 ticks. Every run writes the same bytes, on any Python 3: the numbers come from an integer
generator of our own, and values are integers in thousandths until they are printed.

    scripts/make-sample.py [FILE]
"""

import pathlib
import sys

HOSTS = 8
GPUS = 8
TICKS = 3
START = 1752871354  # 2025-07-18T20:42:34Z
TICK_SECONDS = 5

HEADER = "timestamp,metric_name,gpu_id,device,uuid,modelName,Hostname,container,pod,namespace,value,labels_raw"
METRICS = [
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_MEM_COPY_UTIL",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_TEMP",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_FB_FREE",
    "DCGM_FI_DEV_DEC_UTIL",
    "DCGM_FI_DEV_ENC_UTIL",
    "DCGM_FI_DEV_SM_CLOCK",
    "DCGM_FI_DEV_MEM_CLOCK",
]
# name, framebuffer MiB, idle and full power in W, highest SM clock, memory clock in MHz
H100 = ("NVIDIA H100 80GB HBM3", 81559, 70, 700, 1980, 2619)
A100 = ("NVIDIA A100-SXM4-80GB", 81920, 60, 400, 1410, 1593)
# container, pod (a number for its host is added), namespace, usual utilisation and share of the framebuffer in per cent
IDLE = ("", "", "", 0, 0)
TRAINING = ("trainer", "llm", "research", 97, 91)
SERVING = ("triton", "infer", "serving", 38, 62)
NOTEBOOK = ("notebook", "lab", "research", 6, 14)


class Random:
    """SplitMix64."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def between(self, low, high):
        return low + self.next() % (high - low + 1)


def uuid(random):
    digits = f"{random.next():016x}{random.next():016x}"
    return "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def thousandths(value):
    text = f"{value // 1000}.{value % 1000:03d}".rstrip("0")
    return text.rstrip(".")


def timestamp(seconds):
    """Within the day of START."""
    clock = START % 86400 + seconds
    return f"2025-07-18T{clock // 3600:02d}:{clock // 60 % 60:02d}:{clock % 60:02d}Z"


def fleet(random):
    gpus = []
    for host in range(HOSTS):
        model = A100 if host >= 6 else H100
        for index in range(GPUS):
            # One job trains on two whole hosts; the others are shared.
            mixed = [IDLE, IDLE, IDLE, SERVING, SERVING, SERVING, NOTEBOOK, TRAINING][random.between(0, 7)]
            container, pod, *rest = TRAINING if host < 2 else mixed
            job = (container, f"{pod}-{host}" if pod else "", *rest)
            gpus.append((f"dgx-{host + 1:02d}", index, uuid(random), model, job))
    return gpus


def values(random, model, job):
    """One reading of all metrics of one GPU, as text."""
    _, framebuffer, idle, full, sm_clock, memory_clock = model
    usual, share = job[3], job[4]
    busy = max(0, min(100, usual + random.between(-4, 3))) if usual else 0
    copy = busy * random.between(35, 60) // 100
    power = (idle + (full - idle) * busy // 110) * 1000 + random.between(0, 4999)
    heat = 27 + busy * 40 // 100 + random.between(-2, 2)
    used = framebuffer * share // 100 + random.between(0, 40) * (1 if share else 0) + 4
    decoder = random.between(0, 9) if job[0] == "triton" else 0
    clock = sm_clock - random.between(0, 6) * 15 if busy > 10 else (345 if busy == 0 else 1200)
    return [
        str(busy), str(copy), thousandths(power), str(heat), str(used), str(framebuffer - used), str(decoder), "0", str(clock),
        str(memory_clock),
    ]


def row(time, metric, gpu, value):
    host, index, uuid, model, job = gpu
    # A real export repeats the other columns here; left out, more ticks fit a small file.
    labels = [
        ("DCGM_FI_DRIVER_VERSION", "535.129.03"), ("gpu", str(index)), ("instance", f"{host}:9400"), ("job", "dcgm"),
    ]
    raw = ",".join(f'{name}="{text}"' for name, text in labels)
    fields = [time, metric, str(index), f"nvidia{index}", uuid, model[0], host, job[0], job[1], job[2], value, raw]
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "sample" / "dcgm_sample.csv"
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    random = Random(2025)
    gpus = fleet(random)
    lines = [HEADER]
    for tick in range(TICKS):
        readings = [values(random, model, job) for _, _, _, model, job in gpus]
        for number, metric in enumerate(METRICS):
            # As in a real export, the metrics of one tick are read one after the other.
            time = timestamp(tick * TICK_SECONDS + number // 4)
            lines += [row(time, metric, gpu, reading[number]) for gpu, reading in zip(gpus, readings)]
    path.write_bytes(("\n".join(lines) + "\n").encode())
    print(f"{path}: {len(lines) - 1} rows, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
