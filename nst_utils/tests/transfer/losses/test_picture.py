import torch

from nst_utils.transfer.losses.picture import Laplacian, TotalVariation, total_variation


def test_total_variation_of_known_pictures():
    board = ((torch.arange(4)[:, None] + torch.arange(4)) % 2)[None, None].float()
    assert total_variation(board) == 24 / 16
    assert total_variation(board * 3, power=2) == 9 * 24 / 16
    assert total_variation(board * 3, power=1) == 3 * 24 / 16
    assert total_variation(torch.ones(1, 3, 5, 5)) == 0


def test_total_variation_reaches_the_picture():
    x = torch.rand(1, 3, 5, 5, requires_grad=True)
    total_variation(x).backward()
    assert x.grad.abs().sum() > 0


def test_total_variation_as_a_term_is_the_function():
    image = torch.rand(1, 3, 6, 6)
    assert TotalVariation()({}, image) == total_variation(image)


def test_the_laplacian_loss_is_zero_for_the_content_and_one_for_a_flat_picture():
    content = torch.rand(1, 3, 64, 48)
    term = Laplacian()
    term.learn({}, content)
    assert term({}, content) == 0
    assert abs(term({}, torch.full_like(content, 0.5)) - 1) < 1e-5
    assert term({}, content + 0.3).abs() < 1e-4  # a shift of the colors moves no edge
