"""pgx and mctx on Connect Four: search with constant answers, and self-play with a 64x5 network.

Runs in an environment of its own: pip install jax pgx mctx. A row a line, as JSON.
"""

import json
import os
import statistics
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import mctx
import pgx

BATCH = 64
CHANNELS, BLOCKS = 64, 5
REPETITIONS = 3

game = pgx.make("connect_four")
step = jax.vmap(game.step)


def constant(weights, planes):
    del weights
    return jnp.zeros((len(planes), game.num_actions)), jnp.zeros(len(planes))


def convolve(x, kernel):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def network(weights, planes):
    x = jax.nn.relu(convolve(planes.astype(jnp.float32), weights["stem"]))
    for first, second in weights["tower"]:
        x = jax.nn.relu(x + convolve(jax.nn.relu(convolve(x, first)), second))
    policy = jax.nn.relu(convolve(x, weights["policy_conv"])).reshape(len(x), -1)
    value = jax.nn.relu(convolve(x, weights["value_conv"])).reshape(len(x), -1)
    hidden = jax.nn.relu(value @ weights["value_hidden"])
    return policy @ weights["policy_out"], jnp.tanh((hidden @ weights["value_out"])[:, 0])


def network_weights():
    keys = iter(jax.random.split(jax.random.PRNGKey(0), 32))

    def weight(*shape):
        fan_in = shape[0] if len(shape) == 2 else shape[0] * shape[1] * shape[2]
        return jax.random.normal(next(keys), shape) * (2 / fan_in) ** 0.5

    height, width, planes = game.observation_shape
    cells = height * width
    return {
        "stem": weight(3, 3, planes, CHANNELS),
        "tower": [tuple(weight(3, 3, CHANNELS, CHANNELS) for _ in range(2)) for _ in range(BLOCKS)],
        "policy_conv": weight(1, 1, CHANNELS, 32),
        "policy_out": weight(32 * cells, game.num_actions),
        "value_conv": weight(1, 1, CHANNELS, 32),
        "value_hidden": weight(32 * cells, 64),
        "value_out": weight(64, 1),
    }


def make_search(evaluate, simulations):
    def recurrent(weights, key, action, state):
        del key
        mover = state.current_player
        state = step(state, action)
        logits, value = evaluate(weights, state.observation)
        reward = state.rewards[jnp.arange(BATCH), mover]
        ended = state.terminated
        output = mctx.RecurrentFnOutput(
            reward=reward,
            discount=jnp.where(ended, 0.0, -1.0),
            prior_logits=jnp.where(state.legal_action_mask, logits, jnp.finfo(logits.dtype).min),
            value=jnp.where(ended, 0.0, value),
        )
        return output, state

    def search(weights, state, key):
        logits, value = evaluate(weights, state.observation)
        root = mctx.RootFnOutput(prior_logits=logits, value=value, embedding=state)
        return mctx.gumbel_muzero_policy(
            weights, key, root, recurrent, simulations, invalid_actions=~state.legal_action_mask
        ).action

    return jax.jit(search)


def per_cpu_s(evaluate, weights, simulations, units):
    search = make_search(evaluate, simulations)
    state = jax.jit(jax.vmap(game.init))(jax.random.split(jax.random.PRNGKey(1), BATCH))
    rates = []
    for repetition in range(REPETITIONS + 1):
        start = time.process_time()
        action = jax.block_until_ready(search(weights, state, jax.random.PRNGKey(repetition)))
        rates.append(units / (time.process_time() - start))
        state = jax.block_until_ready(step(state, action))
    return statistics.median(rates[1:])


def report(stage, name, value):
    row = {
        "rival": "pgx + mctx",
        "game": "connect4",
        "stage": stage,
        "name": name,
        "value": value,
        "unit": "1/cpu_s",
    }
    print(json.dumps(row), flush=True)


report("search_uniform", "simulations_200", per_cpu_s(constant, {}, 200, BATCH * 200))
report("selfplay", "positions", per_cpu_s(network, network_weights(), 64, BATCH))
