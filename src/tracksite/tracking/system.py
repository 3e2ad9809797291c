"""System metrics of a run as points, named as MLflow names them."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
from typing import TYPE_CHECKING, Any

from tracksite.errors import ArgumentError, TracksiteError
from tracksite.store.system import started
from tracksite.tracking.warning import warn

if TYPE_CHECKING:
    from typing import TypeAlias

    Counters: TypeAlias = Any  # what psutil.net_io_counters() returns
    from collections.abc import Iterator

    from tracksite.tracking.active import ActiveRun

_MB = 1_000_000
_REMEDY = "pip install 'tracksite[system]'"


def require() -> None:
    """Raise ArgumentError unless psutil is installed."""
    if importlib.util.find_spec("psutil") is None:
        raise ArgumentError(f"system metrics need psutil, which is not installed: {_REMEDY}.")


def start(run: ActiveRun, interval_s: float) -> None:
    """Log system metrics of this machine to a run, from a daemon thread, until the run ends.

    Keys are `system/<what>_<unit>`: percentages in 0..100, megabytes of 10^6 bytes; network
    traffic counts from the start of the run. The step is the number of the sample.
    """
    try:
        require()
    except ArgumentError as error:
        warn(str(error))
        return
    stopped = threading.Event()
    thread = started("tracksite-system", lambda: _sample(run, interval_s, stopped))
    if thread is None:
        warn("system metrics are not logged: the system allows no more threads, raise its limit.")
        return

    def stop() -> None:
        stopped.set()
        thread.join(timeout=2.0)

    run.on_stop.append(stop)


def _sample(run: ActiveRun, interval_s: float, stopped: threading.Event) -> None:
    import psutil

    psutil.cpu_percent()  # the next call measures from here
    begin = psutil.net_io_counters()
    with _gpus() as gpus:
        step, ended = 0, False
        while not ended:
            ended = stopped.wait(interval_s)
            try:
                run.log_metrics({**_host(begin), **_gpu(gpus)}, step=step)
            except (OSError, TracksiteError, psutil.Error) as error:
                warn(f"system metrics stop: {error}")
                return
            step += 1


def _host(begin: Counters) -> dict[str, float]:
    import psutil

    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    found = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / _MB,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_usage_megabytes": psutil.Process().memory_info().rss / _MB,
        "system/disk_usage_megabytes": disk.used / _MB,
        "system/disk_usage_percentage": disk.percent,
    }
    network = psutil.net_io_counters()
    if begin and network:
        received = network.bytes_recv - begin.bytes_recv
        found["system/network_receive_megabytes"] = received / _MB
        found["system/network_transmit_megabytes"] = (network.bytes_sent - begin.bytes_sent) / _MB
    return found


@contextlib.contextmanager
def _gpus() -> Iterator[list[Any]]:
    """Yield handles of the NVIDIA GPUs: none without nvidia-ml-py, a driver or a GPU."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # noqa: BLE001 - any failure of a driver means no GPU metrics
        yield []
        return
    try:
        yield [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()


def _gpu(handles: list[Any]) -> dict[str, float]:
    if not handles:
        return {}
    import pynvml

    found: dict[str, float] = {}
    for number, handle in enumerate(handles):
        with contextlib.suppress(pynvml.NVMLError):  # a value that this GPU does not give
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            rates = pynvml.nvmlDeviceGetUtilizationRates(handle)
            found |= {
                f"system/gpu_{number}_utilization_percentage": rates.gpu,
                f"system/gpu_{number}_memory_usage_megabytes": memory.used / _MB,
                f"system/gpu_{number}_memory_usage_percentage": 100 * memory.used / memory.total,
            }
            watts = pynvml.nvmlDeviceGetPowerUsage(handle) / 1000
            found[f"system/gpu_{number}_power_usage_watts"] = watts
    return found
