"""Explanations for the page, one at a time, so that they delay no answer for long."""

import asyncio
import threading
from typing import Any

import numpy as np

from tinyalex.errors import UserError
from tinyalex.serving.background import in_background
from tinyalex.serving.explain import NOT_HERE, NOT_YET, Pool, explained, pool_of
from tinyalex.serving.limits import busy
from tinyalex.serving.models import Model
from tinyalex.terminal import say


class Explainer:
    """Explains answers. The training pictures of one model are kept ready for it."""

    def __init__(self) -> None:
        self.one = threading.Lock()
        self.pools: dict[str, Pool | str] = {}  # by the model's hash; while there is no pool, a note why

    def prepare(self, model: Model) -> None:
        """Begin to prepare a model's training pictures in the background, unless that has begun."""
        if model.hash not in self.pools:
            self.pools = {model.hash: NOT_YET}
            in_background("tinyalex-neighbours", lambda: self._prepare(model))

    def _prepare(self, model):
        found: Pool | str = NOT_HERE
        try:
            found = pool_of(model.classifier)
        except UserError as error:
            say(f"the page shows no neighbours of {model.path}: {error.args[0]}")
        finally:
            if model.hash in self.pools:
                self.pools[model.hash] = found

    async def explain(self, model: Model, square: np.ndarray) -> dict[str, Any]:
        """`explained` for a prepared picture. HTTPException 503 while another is under way."""
        self.prepare(model)
        if not self.one.acquire(blocking=False):
            raise busy("another picture is being explained")
        return await asyncio.to_thread(self._explain, model, square)

    def _explain(self, model, square):
        try:
            return explained(model.classifier, square, self.pools.get(model.hash, NOT_YET))
        finally:
            self.one.release()
