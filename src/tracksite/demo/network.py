"""Neural networks: learning curves for several learning rates, some of which diverge.

A network whose loss leaves the range of floating-point numbers is logged as it is: its curve
shows infinity, and when its weights are no numbers any more, scikit-learn raises an error, the run
fails and keeps the traceback.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import tracksite
from tracksite.demo import digits, figures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

EXPERIMENT = "digits-network"
MODEL = "digits-network"
RATES = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
ACTIVATIONS = ("relu", "identity")
SEEDS = (0, 1)
EPOCHS = 40
WORTHY_ACCURACY = 0.96  # only a better model is kept
HIDDEN, BATCH, MOMENTUM = 32, 64, 0.9


def sweep(
    rates: Sequence[float],
    activations: Sequence[str],
    seeds: Sequence[int],
    *,
    epochs: int,
    tick: Callable[[], None],
) -> None:
    """Train a network for each learning rate, activation and seed; call `tick` after each."""
    tracksite.set_experiment(
        EXPERIMENT,
        description="Which learning rate suits a small network, and which is too much for it?",
        tags={"data": "digits"},
    )
    data = digits.load()
    best = WORTHY_ACCURACY
    with threadpool_limits(1):  # more threads only wait for each other on matrices this small
        for rate, activation, seed in itertools.product(rates, activations, seeds):
            try:
                best = max(best, _train(rate, activation, seed, data, epochs, best=best))
            except ValueError as error:  # it diverged: the run has failed, the sweep goes on
                if "non-finite" not in str(error):
                    raise
            tick()


def _train(
    rate: float, activation: str, seed: int, data: digits.Digits, epochs: int, *, best: float
) -> float:
    """Train and log one network; return its last accuracy on the validation half."""
    name = f"rate {rate:g}, {activation}, seed {seed}"
    with tracksite.start_run(run_name=name):
        tracksite.log_params(
            {
                "learning_rate": rate,
                "activation": activation,
                "seed": seed,
                "hidden_units": HIDDEN,
                "batch_size": BATCH,
                "momentum": MOMENTUM,
                "epochs": epochs,
            }
        )
        digits.log_inputs(data)
        model = MLPClassifier(
            (HIDDEN,),
            activation=activation,
            solver="sgd",
            learning_rate_init=rate,
            momentum=MOMENTUM,
            batch_size=BATCH,
            random_state=seed,
        )
        with np.errstate(all="ignore"):
            for epoch in range(1, epochs + 1):
                model.partial_fit(data.train_x, data.train_y, classes=digits.LABELS)
                metrics = _measure(model, data)
                tracksite.log_metrics(metrics, step=epoch)
        wrong = data.valid_x[model.predict(data.valid_x) != data.valid_y]
        tracksite.log_image(figures.contact_sheet(wrong[:100]), "misread_digits.png")
        tracksite.log_text(
            f"{len(wrong)} of {len(data.valid_y)} digits are misread.\n", "summary.txt"
        )
        if metrics["validation/accuracy"] > best:
            tracksite.log_model(model, "model", registered_model_name=MODEL)
    return metrics["validation/accuracy"]


def _measure(model: MLPClassifier, data: digits.Digits) -> dict[str, float]:
    train = _evaluate(model, data.train_x, data.train_y)
    valid = _evaluate(model, data.valid_x, data.valid_y)
    return {
        **{f"train/{name}": value for name, value in train.items()},
        **{f"validation/{name}": value for name, value in valid.items()},
        "weights/norm": float(np.sqrt(sum(np.square(layer).sum() for layer in model.coefs_))),
    }


def _evaluate(
    model: MLPClassifier, pixels: NDArray[np.float64], labels: NDArray[np.int64]
) -> dict[str, float]:
    """Return the accuracy, and the mean cross-entropy in nats as the loss.

    The loss is infinity where a true digit was thought impossible.
    """
    likelihoods = model.predict_proba(pixels)
    of_truth = likelihoods[np.arange(len(labels)), labels]
    accuracy = float((likelihoods.argmax(axis=1) == labels).mean())
    return {"loss": float(-np.log(of_truth).mean()), "accuracy": accuracy}
