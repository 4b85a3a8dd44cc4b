#!/bin/sh
# The same batch over several machines with GNU parallel, without a queue: eight shards on the hosts of a file.
#
#   Scripts/queues/parallel.sh hosts.txt clips.jsonl sounds -p rain
#
# All hosts see the same folders. --retries 3 runs a shard again that has not ended with 0; it does what is missing.
hosts=${1:?usage: parallel.sh HOSTS MANIFEST OUTPUT-DIR [OPTION...]}
manifest=${2:?usage: parallel.sh HOSTS MANIFEST OUTPUT-DIR [OPTION...]}
output=${3:?usage: parallel.sh HOSTS MANIFEST OUTPUT-DIR [OPTION...]}
shift 3
exec parallel --sshloginfile "$hosts" --workdir "$PWD" --retries 3 --jobs 1 --quote \
  "${FOLEY:-foley}" batch "$manifest" --output-dir "$output" --shard {}/8 "$@" ::: 1 2 3 4 5 6 7 8
