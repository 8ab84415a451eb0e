# Completion of pgtest for bash: source <(pgtest tool completion bash)
_pgtest() {
	local line=${COMP_LINE:0:COMP_POINT} word=$2 kept= candidate
	line=${line#*"${COMP_WORDS[0]}"}
	# Readline's word begins behind an open quote, or behind the last of the
	# characters that break words.
	if [[ ${COMP_WORDS[COMP_CWORD]} != [\'\"]* ]]; then
		word=${line##*[[:space:]]}
		[[ $word == *["$COMP_WORDBREAKS"]* ]] && kept=${word%"${word##*["$COMP_WORDBREAKS"]}"}
	fi
	COMPREPLY=()
	while IFS= read -r candidate; do
		if [[ $candidate == :files ]]; then
			compopt -o default
			return
		fi
		candidate=${candidate%%$'\t'*}
		[[ $candidate == *[=:/] ]] && compopt -o nospace
		COMPREPLY+=("${candidate#"$kept"}")
	done < <(command pgtest tool complete-line "$line" 2>/dev/null)
}
complete -F _pgtest pgtest
