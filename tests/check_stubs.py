"""Compare pylinear/_pylinear_core.pyi with what the compiled core says of itself; ``--write`` makes it anew."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMMITTED = Path(__file__).parent.parent / "pylinear" / "_pylinear_core.pyi"


def generated() -> str:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "pybind11_stubgen", "pylinear._pylinear_core", "--output-dir", folder]
        subprocess.run(command, check=True, capture_output=True)
        text = (Path(folder) / "pylinear" / "_pylinear_core.pyi").read_text()
    # The version and the build change without the interface.
    return re.sub(r"(?m)^(build|version): str = .*$", r"\1: str", text)


if __name__ == "__main__":
    if "--write" in sys.argv:
        COMMITTED.write_text(generated())
    elif COMMITTED.read_text() != generated():
        sys.exit("pylinear/_pylinear_core.pyi is stale: run 'make stubs'")
