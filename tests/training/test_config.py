from pathlib import Path

import pytest

from training.config import load_config

CONFIGS = Path(__file__).parent.parent.parent / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("finetune*.yaml")), ids=lambda p: p.name)
def test_every_shipped_configuration_loads(path: Path) -> None:
    assert load_config(path).epochs >= 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 1", "epohcs: 1", "unknown key 'epohcs'; did you mean 'epochs'"),
        ("seed: 7\n", "", "missing seed"),
        ("tasks: []", "tasks: [a]", "a is under"),
        ("max_tokens: 64", "max_tokens: 9000", "got max_tokens=9000; expected 16 to 512"),
        ("  situations: 1.0", "  start: 1.0", "unknown source 'start'"),
        ("warmup: 0.1", "warmup: 3", "got warmup=3; expected a share"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (CONFIGS / "finetune-tiny.yaml").read_text()
    assert old in text
    (tmp_path / "c.yaml").write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        load_config(tmp_path / "c.yaml")
