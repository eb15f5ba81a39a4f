"""`tinyalex bench`: training speed, side by side with PyTorch where it is installed."""

from tinyalex.bench import measure
from tinyalex.commands.options import add_device, bytes_text, open_device, print_table
from tinyalex.errors import UserError
from tinyalex.models import find_model
from tinyalex.peer import torch_is_installed

DESCRIPTION = (
    "Whole training steps (forward, backward, update) on random pictures. Where PyTorch is installed, the same network\n"
    "there, the two sides in turns; the ratio is the median over rounds, above 1 where this code is the faster."
)
EXAMPLES = ("tinyalex bench", "tinyalex bench --model alexnet-small --batch 64 --rounds 20", "tinyalex bench --json")


def add_arguments(parser):
    parser.add_argument("--model", default="alexnet", metavar="NAME", help="see `tinyalex summary` (alexnet)")
    parser.add_argument("--batch", type=int, metavar="N", help="pictures in a step (the model's own)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="steps of each side (5)")
    parser.add_argument("--no-torch", action="store_true", help="measure this side alone")
    add_device(parser)


def run(args):
    model = find_model(args.model)
    batch = model.batch if args.batch is None else args.batch
    for name, value in (("batch", batch), ("rounds", args.rounds)):
        if value < 1:
            raise UserError(f"--{name}: found {value}, expected 1 or more")
    xp = open_device(args)
    with_torch = torch_is_installed() and not args.no_torch
    return {"results": [measure(model, batch, args.rounds, xp, with_torch, quiet=args.json)]}


def show(result):
    rows = []
    for r in result["results"]:
        ratio = f"{r['train_ratio']:.2f} ({r['ratio_low']:.2f}–{r['ratio_high']:.2f})" if "train_ratio" in r else "no PyTorch"
        numbers = (f"{r['train_images_per_s']:.1f}", f"{r['gflops']:.0f}", ratio, bytes_text(r["peak_memory_bytes"]))
        rows.append((r["model"], r["batch"], f"{r['device']}, {r['threads']} threads", *numbers))
    header = ("training", "batch", "device", "images/s", "GFLOP/s", "times PyTorch's", "peak memory")
    print_table(header, rows, right=(1, 3, 4, 5, 6))
