"""What Keras's optimizers make of given gradients.

Usage: optimizers.py <cases.json>. Each case: {settings, steps: [{rate, gradients: [[..], [..]]}], values}.
The first variable is a kernel, the second a bias. Prints the values after each step, and the
averages at the end where there are any.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np


def optimizer_of(settings):
    # Keras takes no integer for a share.
    own = {
        key: float(value) if type(value) is int else value
        for key, value in settings["optimizer"].items()
    }
    common = {
        "global_clipnorm": settings.get("clipGlobalNorm"),
        "weight_decay": settings["weightDecay"] or None,
        "use_ema": "averageDecay" in settings,
        "ema_momentum": settings.get("averageDecay", 0.99),
    }
    if own["name"] == "rmsprop":
        keys = ("rho", "momentum", "epsilon", "centered")
        return keras.optimizers.RMSprop(1.0, **{key: own[key] for key in keys}, **common)
    if own["name"] == "sgd":
        keys = ("momentum", "nesterov")
        return keras.optimizers.SGD(1.0, **{key: own[key] for key in keys}, **common)
    betas = {"beta_1": own["beta1"], "beta_2": own["beta2"], "epsilon": own["epsilon"]}
    common["weight_decay"] = float(settings["weightDecay"])
    return keras.optimizers.AdamW(1.0, **betas, **common)


results = []
with open(sys.argv[1]) as file:
    cases = json.load(file)
for case in cases:
    optimizer = optimizer_of(case["settings"])
    names = ("kernel", "bias")
    variables = [
        keras.Variable(np.array(value, "float32"), name=name)
        for name, value in zip(names, case["values"])
    ]
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)
    values = []
    for step in case["steps"]:
        optimizer.learning_rate = step["rate"]
        gradients = [keras.ops.convert_to_tensor(np.array(g, "float32")) for g in step["gradients"]]
        optimizer.apply(gradients, variables)
        values.append([np.asarray(variable).tolist() for variable in variables])
    averages = getattr(optimizer, "_model_variables_moving_average", [])
    results.append({"values": values, "averages": [np.asarray(one).tolist() for one in averages]})
print(json.dumps(results))
