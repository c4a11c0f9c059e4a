"""The example in docs/store.md runs as it stands, without torch."""

import re
import subprocess
import sys
from pathlib import Path


def test_the_documented_example_runs_without_torch(repository: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (repository / "docs" / "store.md").read_text(), re.DOTALL)
    code = (
        "\n".join(blocks)
        + "\nimport sys\nassert store.is_complete and maps.second.shape == (512, 1024)\nassert 'torch' not in sys.modules\n"
    )
    env = {"PYTHONPATH": str(repository), "PATH": "/usr/bin"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, check=True)
    assert (tmp_path / "stores" / "mine" / "index.jsonl").is_file()
