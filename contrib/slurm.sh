#!/bin/sh
# sbatch --array=0-7 slurm.sh HOSTS RUNS: a shard of HOSTS in each task, saved in the folder RUNS. Options: LABRPC_….
exec labrpc survey --hosts "$1" --shard "$SLURM_ARRAY_TASK_ID" --shards "$SLURM_ARRAY_TASK_COUNT" -o "$2/run-$SLURM_ARRAY_TASK_ID.jsonl"
