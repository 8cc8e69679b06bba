function(sure_generate)
endfunction()
