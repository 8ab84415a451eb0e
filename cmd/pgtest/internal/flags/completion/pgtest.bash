# Completion of pgtest for bash: source <(pgtest tool completion bash)
_pgtest() {
	local line=${COMP_LINE:0:COMP_POINT} words=() kept= candidate
	line=${line#*"${COMP_WORDS[0]}"}
	read -ra words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	local word=${words[${#words[@]} - 1]}
	# Readline's word begins behind the last of these characters.
	[[ $word == *["$COMP_WORDBREAKS"]* ]] && kept=${word%"${word##*["$COMP_WORDBREAKS"]}"}
	COMPREPLY=()
	while IFS= read -r candidate; do
		if [[ $candidate == :files ]]; then
			compopt -o default
			return
		fi
		candidate=${candidate%%$'\t'*}
		[[ $candidate == *= || $candidate == *: ]] && compopt -o nospace
		COMPREPLY+=("${candidate#"$kept"}")
	done < <(command pgtest tool complete "${words[@]}" 2>/dev/null)
}
complete -F _pgtest pgtest
