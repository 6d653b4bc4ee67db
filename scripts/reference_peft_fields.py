"""Names of all fields that PEFT's configurations have, for the kinds of adapter that are read: `tests/fixtures/peft_fields.json`.

A test compares them with what the reader knows of each, so that a new release of PEFT brings no field that is passed over.
"""

import dataclasses

import peft

from reference_common import FIXTURES, versions, write_json

KINDS = {
    "LORA": peft.LoraConfig,
    "IA3": peft.IA3Config,
    "VERA": peft.VeraConfig,
    "LN_TUNING": peft.LNTuningConfig,
    "PROMPT_TUNING": peft.PromptTuningConfig,
    "P_TUNING": peft.PromptEncoderConfig,
    "PREFIX_TUNING": peft.PrefixTuningConfig,
}


def main():
    fields = {
        kind: sorted(field.name for field in dataclasses.fields(config)) for kind, config in KINDS.items()
    }
    write_json(FIXTURES / "peft_fields.json", {"made_with": versions("peft"), "fields": fields})


if __name__ == "__main__":
    main()
