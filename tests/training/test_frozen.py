import torch

from training.frozen import FrozenLayers


def _pieces() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    ids = torch.randint(6, 60, (8, 12))
    mask = torch.ones_like(ids)
    mask[3:, 7:] = 0
    return ids * mask, mask


def test_frozen_layers_give_what_the_encoder_gives_at_first_and_from_memory(tiny_model):
    ids, mask = _pieces()
    with torch.no_grad():
        whole = tiny_model.encode(ids, mask)
        tiny_model.frozen = FrozenLayers(tiny_model.encoder, 1)
        try:
            first, second = tiny_model.encode(ids, mask), tiny_model.encode(ids, mask)
        finally:
            tiny_model.frozen = None
            tiny_model.requires_grad_(True)
    # Half precision is kept, so a thousandth is what can be asked.
    torch.testing.assert_close(first, whole, atol=5e-3, rtol=5e-3)
    assert torch.equal(first, second)


def test_held_layers_do_not_learn_and_the_others_do(tiny_model):
    FrozenLayers(tiny_model.encoder, 1)
    learns = [p.requires_grad for p in tiny_model.encoder.encoder.layer[0].parameters()]
    still = [p.requires_grad for p in tiny_model.encoder.encoder.layer[1].parameters()]
    tiny_model.requires_grad_(True)
    assert not any(learns)
    assert all(still)
