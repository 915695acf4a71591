"""The loop on text: a language model proposes, a task verifies, what passes is learnt from."""

import os

# Before transformers is imported: models are local folders, and nothing is ever fetched.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
