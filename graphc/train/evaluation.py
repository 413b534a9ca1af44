"""What holds of a model after an epoch: the figures of each part, and which epoch was the best."""

from __future__ import annotations

import math

from graphc.train.data.batches import evaluation_batches
from graphc.train.data.examples import Dataset, Examples
from graphc.train.descent import runaway
from graphc.train.fit_settings import FitSettings
from graphc.train.protocol import Trainable
from graphc.train.reporting import Metrics, Reporter
from graphc.train.runs.position import Best


class Evaluator:
    """Measures the parts of a data set; with `keeps_best` it keeps the weights of the best epoch."""

    def __init__(
        self,
        model: Trainable,
        dataset: Dataset,
        settings: FitSettings,
        reporter: Reporter,
        *,
        keeps_best: bool,
    ) -> None:
        self.best = Best()
        self._model, self._dataset, self._settings = model, dataset, settings
        self._reporter, self._keeps_best = reporter, keeps_best

    def measure(self, epoch: int, step: int) -> dict[str, Metrics]:
        """The training part and the validation part, if there is one, after an epoch.

        Raises E501 if the loss over the training part is not finite.
        """
        train, validation = self._dataset.train, self._dataset.validation
        metrics = {"train": self._report("train", train)}
        loss = metrics["train"].get("loss", 0.0)
        if not math.isfinite(loss):
            found = self._model.blame_report(evaluation_batches(train, self._settings))
            raise runaway("E501", f"the loss over the training part is {loss} after epoch {epoch}", found)
        if validation is not None:
            metrics["validation"] = self._report("validation", validation)
            self._compare(epoch, step, metrics)
        return metrics

    def test(self) -> Metrics | None:
        """The test part, if there is one: to be looked at once, at the end."""
        return None if self._dataset.test is None else self._report("test", self._dataset.test)

    def _compare(self, epoch: int, step: int, metrics: dict[str, Metrics]) -> None:
        loss = self._settings.cost(metrics["validation"].get("loss", math.nan))
        if loss < self.best.loss and self._keeps_best:
            self.best = Best(loss, epoch, step, metrics, self._model.state())

    def _report(self, name: str, part: Examples) -> Metrics:
        self._reporter.measuring(name)
        return self._model.report(evaluation_batches(part, self._settings))
