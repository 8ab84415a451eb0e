# Completion of pgtest for fish: pgtest tool completion fish | source
function __pgtest_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l candidates (command pgtest tool complete $words[2..] 2>/dev/null)
    if test "$candidates" = :files
        set -l word (commandline -ct)
        set -l flag (string match -r -- '^-[^=]*=' $word)
        __fish_complete_path (string replace -- "$flag" '' $word) | string replace -r '^' -- "$flag"
    else
        printf '%s\n' $candidates
    end
end
complete -c pgtest -f -a '(__pgtest_complete)'
