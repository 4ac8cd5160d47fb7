"""How answers look in a terminal. Pure: values and the time go in, text and tables come out."""
