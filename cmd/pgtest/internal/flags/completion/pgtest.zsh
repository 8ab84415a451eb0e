#compdef pgtest
# Completion of pgtest for zsh, behind compinit: source <(pgtest tool completion
# zsh). As _pgtest in a directory of fpath it is found as well.
_pgtest() {
	local -a candidates names texts more
	local candidate
	candidates=(${(f)"$(command pgtest tool complete "${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)"})
	if [[ $candidates == :files ]]; then
		compset -P '-*='
		_files
		return
	fi
	for candidate in $candidates; do
		if [[ $candidate == *[=:/] ]]; then
			more+=($candidate)
			continue
		fi
		names+=(${candidate%%$'\t'*})
		texts+=(${candidate//$'\t'/  -- })
	done
	compadd -l -d texts -a names
	compadd -S '' -a more
}
if [[ $funcstack[1] == _pgtest ]]; then
	_pgtest
else
	compdef _pgtest pgtest
fi
