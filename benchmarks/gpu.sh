#!/usr/bin/env bash
# All that a GPU has to say, in at most 8 minutes: tests, then tables at real sizes, in one JSON file.
#
#   benchmarks/gpu.sh OUT_DIR [--device cuda] [--parts NAME ...]
#   benchmarks/gpu.sh OUT_DIR --device cpu --tiny        # to try it out, without a GPU
#
# Nothing is installed. A part that fails or takes too long leaves the others alone; its log is OUT_DIR/NAME.log.
# OUT_DIR/gpu.json has all of it. To publish it: cp OUT_DIR/gpu.json benchmarks/results/ && python -m benchmarks.readme
#
#   PYTHON            interpreter, default python
#   SECONDS_IN_ALL    default 470; on a CPU four times as much, and so for each part
#   KDTOOLBOX_VIDEOS  folder of videos, for the part "loading"
#   REAL_VIDEO_ARGS   arguments of benchmarks/real_video.py but --seeds and --out, for the part "real_video"
set -u
if [ $# -lt 1 ]; then sed -n '2,15p' "$0"; exit 2; fi
OUT=$1; shift
DEVICE=cuda; TINY=; PARTS=
while [ $# -gt 0 ]; do
    case $1 in
        --device) DEVICE=$2; shift 2 ;;
        --tiny) TINY=--tiny; shift ;;
        --parts) shift; while [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; do PARTS="$PARTS $1"; shift; done ;;
        *) echo "unknown argument $1; expected --device, --tiny or --parts" >&2; exit 2 ;;
    esac
done
mkdir -p "$OUT"; OUT=$(cd "$OUT" && pwd); cd "$(dirname "$0")/.." || exit 1
PYTHON=${PYTHON:-python}; START=$(date +%s); TIMES=1
[ "$DEVICE" = cpu ] && TIMES=4  # to try it out is no race
END=$((START + ${SECONDS_IN_ALL:-$((470 * TIMES))}))
: > "$OUT/parts.tsv"

note() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >> "$OUT/parts.tsv"; echo "$1: $2 ($3 s)"; }

part() {  # NAME SECONDS COMMAND ...
    local name=$1 limit=$(($2 * TIMES)) left begin code; shift 2
    case " $PARTS " in "  " | *" $name "*) ;; *) return ;; esac
    begin=$(date +%s); left=$((END - begin))
    if [ "$left" -lt 5 ]; then note "$name" 'no time left' 0; return; fi
    [ "$limit" -gt "$left" ] && limit=$left
    timeout --kill-after=5 "$limit" "$@" > "$OUT/$name.log" 2>&1; code=$?
    case $code in 0) code=done ;; 124 | 137) code="stopped after $limit s" ;; *) code="failed ($code)" ;; esac
    note "$name" "$code" $(($(date +%s) - begin))
}

missing() { case " $PARTS " in "  " | *" $1 "*) note "$1" "left out: $2" 0 ;; esac; }

run() { local name=$1 limit=$2; shift 2; part "$name" "$limit" "$PYTHON" -W ignore -m "$@" --out "$OUT/$name.json"; }

part tests 110 "$PYTHON" -W ignore -m pytest -m gpu tests/gpu -q -p no:cacheprovider --junitxml "$OUT/tests.xml"
run step 120 benchmarks.step --device "$DEVICE" $TINY --seconds 60 $([ -z "$TINY" ] && echo --compile)
run memory 30 benchmarks.memory --device "$DEVICE" $TINY
for teacher in vit_b_16 vit_l_16; do
    if [ -z "$TINY" ]; then
        run "step_$teacher" 40 benchmarks.step --device "$DEVICE" --teacher $teacher --only compared --rounds 2 --seconds 20
    else
        missing "step_$teacher" 'only at real sizes'
    fi
done
if [ -n "${KDTOOLBOX_VIDEOS:-}" ]; then
    part loading 40 "$PYTHON" -W ignore -m benchmarks.training_clips "$KDTOOLBOX_VIDEOS" --videos 10 --rounds 2 --out "$OUT/loading.json"
else
    missing loading 'KDTOOLBOX_VIDEOS names no folder of videos'
fi
if [ -z "$TINY" ]; then
    run retrieval 40 benchmarks.retrieval --rounds 2 --without-sklearn
    run cache 60 benchmarks.cache --batch-size 32 --rounds 3
else
    run retrieval 60 benchmarks.retrieval --rounds 1 --without-sklearn --queries 20 --gallery 50
    run cache 120 benchmarks.cache --tiny --rounds 1
fi
if [ -f benchmarks/hidden_tokens.py ]; then
    run hidden_tokens 40 benchmarks.hidden_tokens --device "$DEVICE" $TINY
else
    missing hidden_tokens 'there is no such benchmark here'
fi
if [ -n "${REAL_VIDEO_ARGS:-}" ]; then
    # shellcheck disable=SC2086  # words, on purpose
    run real_video 300 benchmarks.real_video $REAL_VIDEO_ARGS --seeds 0 1 2
else
    missing real_video 'REAL_VIDEO_ARGS names no clips'
fi
"$PYTHON" -W ignore -m benchmarks.gpu_summary "$OUT" --device "$DEVICE"
