from webapp.input_widget import *
