"""Jupyter's way to a warm kernel: a kernel provisioner that forks instead of starting.

It works with everything that starts kernels through ``jupyter_client``: nbclient,
nbconvert, JupyterLab. For one command::

    JUPYTER_DEFAULT_PROVISIONER_NAME=warm-fork jupyter execute notebook.ipynb

or for one kernel, in its ``kernel.json``::

    "metadata": {"kernel_provisioner": {"provisioner_name": "warm-fork"}}

Each process that starts kernels keeps one warm process, started with the first kernel.
These kernels are not confined: they are a reader's own, and only start sooner.
:class:`autograder.pipeline.candidate.Candidate` asks for the sandbox.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from autograder.errors import SandboxError
from autograder.sandbox.warm import Warm, WarmProcess

_lock = threading.Lock()
_own: WarmProcess | None = None


def own() -> Warm:
    """Return this process's warm process for unconfined kernels, started once."""
    global _own
    with _lock:
        if _own is None:
            started = WarmProcess(confined=False)
            started.wait()
            atexit.register(started.close)
            _own = started
        return _own


class WarmProvisioner(LocalProvisioner):
    """Forks an IPython kernel from a warm process.

    Whatever else the provisioner of a local process does (signals, waiting, ports)
    is as in ``jupyter_client``: a fork has the methods of ``subprocess.Popen``.
    """

    async def launch_kernel(
        self, cmd: list[str], **kwargs: Any
    ) -> KernelConnectionInfo:
        """Fork the kernel that a command would start.

        Raises
        ------
        SandboxError
            If the command is not that of an IPython kernel.
        """
        if "ipykernel_launcher" not in cmd:
            raise SandboxError(
                f"{' '.join(cmd)}: not an IPython kernel; warm-fork can start only "
                "`python -m ipykernel_launcher`"
            )
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        warm = await asyncio.to_thread(own)
        folder = kwargs.get("cwd")
        self.process = warm.kernel(
            arguments,
            environment=kwargs.get("env"),
            folder=None if folder is None else str(folder),
        )
        return self.connection_info
