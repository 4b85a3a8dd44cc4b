"""How the exports write a file of the model's folder."""

from safetensors.torch import save_file


def write(path, tensors, remark=""):
    """Makes the folder where it is missing, and tells the size of what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(tensors)} tensors{remark}")
