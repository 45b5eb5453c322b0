# say.sh - how ./dev speaks.  Progress goes to stderr, so that stdout can be a result.

if [ -t 2 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' RED='' PLAIN=''
fi

# What is being done now.
title() { printf '%s==> %s%s\n' "$BOLD" "$*" "$PLAIN" >&2; }

# Something worth knowing about it.
note() { printf '    %s\n' "$*" >&2; }

# A command as the reader could type it, before its output.
show() { printf '\n%s$ %s%s\n' "$DIM" "$*" "$PLAIN" >&2; }

# die SENTENCE [HINT]: what went wrong in one sentence, and what to do about it.
die() {
    printf '%sdev: %s%s\n' "$RED" "$1" "$PLAIN" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# no_words ARGS...: for verbs without arguments.
no_words() { [ $# -eq 0 ] || die "'$1' is not understood here" "./dev help shows what each verb takes"; }

have() { command -v "$1" >/dev/null 2>&1; }
