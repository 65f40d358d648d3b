print("not composed yet")
